"""The methods of codes that are not sent: `accounts.tfa.totp.*` and `accounts.tfa.backupcodes.*`.

Where the contract (spec/gigya.md sections 1.4 and 1.5) is silent: authenticators are listed as `authenticators`, and a
secret that is asked for is called `secret`. Where it cannot be kept: backup codes that are left are shown as so many
stars, since only their digests are kept. What stays out: whose they are (core.entrance).
"""

from typing import Final

from mfa_gateway.core.account import Enrolment, Factor
from mfa_gateway.core.entrance import Command, Outcome
from mfa_gateway.core.entrance.authenticators import (
    CountCodes,
    DrawSecret,
    PrintCodes,
    ShowAuthenticator,
    ShowBackupCode,
    TellAuthenticators,
)
from mfa_gateway.core.entrance.second_codes import RemoveAddress
from mfa_gateway.core.entrance.second_outcomes import CodesLeft, CodesPrinted, EnrolmentsTold, SecretShown
from mfa_gateway.core.proof import BACKUP_LENGTH
from mfa_gateway.dialects.gigya.envelope import Body
from mfa_gateway.dialects.gigya.errors import GigyaError
from mfa_gateway.dialects.gigya.method import Method, Request, not_mine, nothing
from mfa_gateway.dialects.gigya.tfa_parts import by_assertion, last_verification, needed, provider_assertion, token_of
from mfa_gateway.dialects.qr import png_data_uri


def _register_totp(request: Request) -> Command | GigyaError:
    assertion, shows = request.bag.need("gigyaAssertion"), request.bag.flag("includeSecret")
    if isinstance(assertion, GigyaError):
        return assertion
    return shows if isinstance(shows, GigyaError) else DrawSecret(assertion)


def _drawn(outcome: Outcome, request: Request) -> Body:
    if not isinstance(outcome, SecretShown):
        raise not_mine(outcome)
    secret = outcome.secret if request.bag.flag("includeSecret") is True else None
    return Body({"qrCode": png_data_uri(outcome.uri), "sctToken": outcome.ticket, "secret": secret})


def _verify_totp(request: Request) -> Command | GigyaError:
    values = needed(request, "gigyaAssertion", "code")
    if isinstance(values, GigyaError):
        return values
    assertion, code = values
    return ShowAuthenticator(assertion, code, ticket=request.bag.get("sctToken"), name=request.bag.get("name"))


def _registered(outcome: Outcome, request: Request) -> Body:
    del request
    if not isinstance(outcome, EnrolmentsTold):
        raise not_mine(outcome)
    return Body({"authenticators": [_authenticator(one) for one in outcome.enrolments]})


def _authenticator(one: Enrolment) -> dict[str, object]:
    named = {"name": one.name} if one.name else {}
    return {"id": one.id, **named, **last_verification(one)}


def _remove_totp(request: Request) -> Command | GigyaError:
    values = needed(request, "gigyaAssertion", "id")
    if isinstance(values, GigyaError):
        return values
    assertion, name = values
    return RemoveAddress(Factor.TOTP, assertion, name, about="id")


def _backup_codes(outcome: Outcome, request: Request) -> Body:
    del request
    match outcome:
        case CodesPrinted(codes=codes):
            return Body({"backupCodes": list(codes)})
        case CodesLeft(count=count):
            return Body({"backupCodes": ["*" * BACKUP_LENGTH] * count})
        case _:
            raise not_mine(outcome)


def _verify_code(request: Request) -> Command | GigyaError:
    values = needed(request, "gigyaAssertion", "code")
    return values if isinstance(values, GigyaError) else ShowBackupCode(*values)


def _both_assertions(outcome: Outcome, request: Request) -> Body:
    """The help text and the web toolkit have two names for it (spec/gigya.md section 1.5)."""
    del request
    return Body({"providerAssertion": token_of(outcome), "gigyaAssertion": token_of(outcome)})


METHODS: Final = (
    Method("accounts.tfa.totp.register", _register_totp, _drawn),
    Method("accounts.tfa.totp.verify", _verify_totp, provider_assertion),
    Method("accounts.tfa.totp.getRegistered", by_assertion(TellAuthenticators), _registered),
    Method("accounts.tfa.totp.remove", _remove_totp, nothing),
    Method("accounts.tfa.backupcodes.create", by_assertion(PrintCodes), _backup_codes),
    Method("accounts.tfa.backupcodes.get", by_assertion(CountCodes), _backup_codes),
    Method("accounts.tfa.backupcodes.verify", _verify_code, _both_assertions),
)
