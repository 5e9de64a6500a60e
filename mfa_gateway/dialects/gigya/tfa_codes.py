"""The methods of second factors whose codes are sent: `accounts.tfa.email.*` and `accounts.tfa.phone.*`.

Names are the contract's (spec/gigya.md sections 1.2 and 1.3), `phoneID` in one method and `phoneId` in another; case
does not count. `method=voice` is not supported, and says so. What stays out: who may be sent a code (core.entrance).
"""

from functools import partial
from typing import Final

from mfa_gateway.core.account import Enrolment, Factor
from mfa_gateway.core.entrance import CodeSent, Command, Outcome
from mfa_gateway.core.entrance.second_codes import AnswerSecond, RemoveAddress, SendSecond, TellAddresses
from mfa_gateway.core.entrance.second_outcomes import EnrolmentsTold
from mfa_gateway.dialects.gigya.envelope import Body
from mfa_gateway.dialects.gigya.errors import GigyaError, invalid, missing
from mfa_gateway.dialects.gigya.method import Method, Request, not_mine, nothing
from mfa_gateway.dialects.gigya.tfa_parts import by_assertion, dialled, last_verification, needed, provider_assertion

_NOT_SUPPORTED: Final = 400096


def _emails(outcome: Outcome, request: Request) -> Body:
    del request
    if not isinstance(outcome, EnrolmentsTold):
        raise not_mine(outcome)
    return Body({"emails": [_address(one, outcome) for one in outcome.enrolments]})


def _phones(outcome: Outcome, request: Request) -> Body:
    del request
    if not isinstance(outcome, EnrolmentsTold):
        raise not_mine(outcome)
    return Body({"phones": [_address(one, outcome) | {"lastMethod": "sms"} for one in outcome.enrolments]})


def _address(one: Enrolment, outcome: EnrolmentsTold) -> dict[str, object]:
    address = one.address or ""
    told: dict[str, object] = {"id": one.id, "obfuscated": obfuscated(address), **last_verification(one)}
    return told | {"plain": address} if outcome.is_plain else told


def obfuscated(address: str) -> str:
    """An address for its owner to recognise: us***er@example.com, +########123 (spec/gigya.md section 1.3)."""
    local, at, domain = address.rpartition("@")
    if at:
        # Of a short name two letters at each end would be all of it.
        return f"{local[:2]}***{local[-2:]}@{domain}" if len(local) > 5 else f"{local[:1]}***@{domain}"  # noqa: PLR2004
    return f"+{'#' * (len(address) - 4)}{address[-3:]}"


def _send_mail(request: Request) -> Command | GigyaError:
    assertion = request.bag.need("gigyaAssertion")
    if isinstance(assertion, GigyaError):
        return assertion
    name, email = request.bag.get("emailID"), request.bag.get("email")
    if not name and not email:
        return missing("emailID")
    return SendSecond(Factor.EMAIL, assertion, name, email, about="emailID" if name else "email")


def _send_message(request: Request) -> Command | GigyaError:
    assertion = request.bag.need("gigyaAssertion")
    if isinstance(assertion, GigyaError):
        return assertion
    name, phone = request.bag.get("phoneID"), request.bag.get("phone")
    if not name and not phone:
        return missing("phoneID")
    if (flaw := _method_flaw(request)) is not None:
        return flaw
    return SendSecond(Factor.SMS, assertion, name, dialled(phone), about="phoneID" if name else "phone")


def _method_flaw(request: Request) -> GigyaError | None:
    for name in ("method", "lang"):
        if not request.bag.get(name):
            return missing(name)
    match request.bag.get("method").lower():
        case "sms":
            return None
        case "voice":
            return GigyaError(_NOT_SUPPORTED, "method=voice: nothing here can call a telephone")
        case _:
            return invalid("method")


def _sent(outcome: Outcome, request: Request) -> Body:
    del request
    if not isinstance(outcome, CodeSent):
        raise not_mine(outcome)
    return Body({"phvToken": outcome.ticket})


def _complete_mail(request: Request) -> Command | GigyaError:
    return _completing(request, Factor.EMAIL)


def _complete_message(request: Request) -> Command | GigyaError:
    return _completing(request, Factor.SMS)


def _completing(request: Request, factor: Factor) -> Command | GigyaError:
    values = needed(request, "gigyaAssertion", "phvToken", "code")
    if isinstance(values, GigyaError):
        return values
    assertion, ticket, code = values
    return AnswerSecond(factor, assertion, ticket, code)


def _remove_phone(request: Request) -> Command | GigyaError:
    values = needed(request, "gigyaAssertion", "phoneId")
    if isinstance(values, GigyaError):
        return values
    assertion, phone = values
    return RemoveAddress(Factor.SMS, assertion, phone, about="phoneId")


METHODS: Final = (
    Method("accounts.tfa.email.getEmails", by_assertion(partial(TellAddresses, Factor.EMAIL)), _emails),
    Method("accounts.tfa.email.sendVerificationCode", _send_mail, _sent),
    Method("accounts.tfa.email.completeVerification", _complete_mail, provider_assertion),
    Method("accounts.tfa.phone.getRegisteredPhoneNumbers", by_assertion(partial(TellAddresses, Factor.SMS)), _phones),
    Method("accounts.tfa.phone.sendVerificationCode", _send_message, _sent),
    Method("accounts.tfa.phone.completeVerification", _complete_message, provider_assertion),
    Method("accounts.tfa.phone.removePhone", _remove_phone, nothing),
)
