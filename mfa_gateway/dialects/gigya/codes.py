"""The methods of codes as a first factor: `accounts.otp.*` and `accounts.auth.otp.*` (spec/gigya.md section 1.7).

Two names for each step: by phone, where an unknown number becomes an account, and by e-mail. What stays out: when a
code is sent, to whom, and what it is worth (core.entrance.codes).
"""

from typing import Final

from mfa_gateway.core.account import Factor
from mfa_gateway.core.entrance import Attested, CodeSent, Command, Outcome
from mfa_gateway.core.entrance.account_outcomes import Pending
from mfa_gateway.core.entrance.codes import AttestAddress, EnterByCode, ForgetAddress, ProveAddress, SendCode
from mfa_gateway.dialects.gigya.account import login_body, pending, stay_of
from mfa_gateway.dialects.gigya.envelope import Body
from mfa_gateway.dialects.gigya.errors import GigyaError, invalid, missing
from mfa_gateway.dialects.gigya.method import SERVERS, Method, Request, not_mine, nothing

# spec/gigya.md section 1.7.
_PHONE_MS: Final = 600_000
_EMAIL_MS: Final = 300_000
# spec/gigya.md section 4.5; a URL at its longest.
_LONGEST_SOURCE: Final = 2048
_LONGEST_CID: Final = 100


def _send(request: Request) -> Command | GigyaError:
    """`accounts.otp.sendCode`, to a phone number, or to a mailbox that is to be verified."""
    phone, email = request.bag.get("phoneNumber"), request.bag.get("email")
    if phone and email:
        return GigyaError(400001, "Send phoneNumber or email, not both")
    if not phone and not email:
        return missing("phoneNumber")
    if not request.bag.get("lang"):
        return missing("lang")
    return _sending(request, Factor.SMS if phone else Factor.EMAIL, _PHONE_MS)


def _send_mail(request: Request) -> Command | GigyaError:
    """`accounts.auth.otp.email.sendCode`. Real clients leave out `lang`."""
    return _sending(request, Factor.EMAIL, _EMAIL_MS) if request.bag.get("email") else missing("email")


def _sending(request: Request, factor: Factor, life_ms: int) -> Command | GigyaError:
    sends = request.bag.flag("sendCode", default=True)
    if isinstance(sends, GigyaError):
        return sends
    about = "phoneNumber" if factor is Factor.SMS else "email"
    return SendCode(
        factor,
        request.bag.get(about),
        life_ms,
        sends=sends,
        about=about,
        subject=request.bag.get("UID"),
        registration=request.bag.get("regToken"),
    )


def _sent(outcome: Outcome, request: Request) -> Body:
    match outcome:
        case CodeSent(ticket=ticket, code=code):
            return Body({"vToken": ticket, "code": code})
        case Pending():
            return pending(outcome, request)
        case _:
            raise not_mine(outcome)


def _login(request: Request) -> Command | GigyaError:
    return _entering(request, None)


def _login_by_mail(request: Request) -> Command | GigyaError:
    return _entering(request, Factor.EMAIL)


def _entering(request: Request, factor: Factor | None) -> Command | GigyaError:
    shown = _shown(request)
    if isinstance(shown, GigyaError):
        return shown
    stay, source = stay_of(request), request.bag.get("regSource")
    if isinstance(stay, GigyaError):
        return stay
    if len(source) > _LONGEST_SOURCE:
        return invalid("regSource")
    if len(request.bag.get("cid")) > _LONGEST_CID:
        return invalid("cid")
    ticket, code = shown
    return EnterByCode(ticket, code, stay, factor, source)


def _shown(request: Request) -> tuple[str, str] | GigyaError:
    """The two that every second step has."""
    ticket, code = request.bag.need("vToken"), request.bag.need("code")
    if isinstance(ticket, GigyaError):
        return ticket
    return code if isinstance(code, GigyaError) else (ticket, code)


def _update(request: Request) -> Command | GigyaError:
    shown = _shown(request)
    if isinstance(shown, GigyaError):
        return shown
    return ProveAddress(*shown, subject=request.bag.get("UID"), registration=request.bag.get("regToken"))


def _updated(outcome: Outcome, request: Request) -> Body:
    return pending(outcome, request) if isinstance(outcome, Pending) else Body()


def _verify(request: Request) -> Command | GigyaError:
    shown = _shown(request)
    return shown if isinstance(shown, GigyaError) else AttestAddress(*shown)


def _attested(outcome: Outcome, request: Request) -> Body:
    del request
    if not isinstance(outcome, Attested):
        raise not_mine(outcome)
    return Body({"id_token": outcome.token})


def _delete(request: Request) -> Command | GigyaError:
    uid = request.bag.need("UID")
    return uid if isinstance(uid, GigyaError) else ForgetAddress(uid)


METHODS: Final = (
    Method("accounts.otp.sendCode", _send, _sent),
    Method("accounts.otp.login", _login, login_body),
    Method("accounts.otp.update", _update, _updated),
    Method("accounts.otp.delete", _delete, nothing, SERVERS),
    Method("accounts.auth.otp.email.sendCode", _send_mail, _sent),
    Method("accounts.auth.otp.email.login", _login_by_mail, login_body),
    Method("accounts.auth.otp.verify", _verify, _attested),
)
