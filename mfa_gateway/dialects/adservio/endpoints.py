"""Endpoints: how each call of the contract is read into a command of the entrance, and how its outcome is written.

What stays out: parameters (fields), errors, and which request is for which endpoint (codec).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.account import Enrolment, Factor, masked
from mfa_gateway.core.entrance import Command, Finished, Outcome
from mfa_gateway.core.entrance.option_outcomes import (
    ChallengeBegun,
    OptionAdded,
    OptionsListed,
    SecretDrawn,
    SignedIn,
)
from mfa_gateway.core.entrance.options import (
    AddAddress,
    AddAuthenticator,
    ByPassword,
    ByToken,
    ChallengeOption,
    ConfirmOption,
    ListOptions,
    RemoveOption,
    option_number,
)
from mfa_gateway.core.entrance.sign_ins import SignIn
from mfa_gateway.dialects.adservio.errors import Item, Page, plain
from mfa_gateway.dialects.adservio.request import TOKEN, TYPES, Request, Unreadable

Payload = Mapping[str, object]

_INTENTS: Final = frozenset({"", "auth", "link"})
_PHONE_INTENTS: Final = frozenset({"register", "rapsms", "edit"})
_SAVES: Final = frozenset({"", "1"})
_ADDED: Final = MappingProxyType({"1": Factor.SMS, "3": Factor.TOTP})
# spec/adservio.md, "POST ./auth".
_SHORTEST_PASSWORD: Final = 6
_TWO_MODES: Final = plain(400, "Send either uaUserName and uaPassword, or uaID and an access token.")


@dataclass(frozen=True, slots=True)
class Operation:
    """One call.

    Attributes:
        page: its page.
        read: makes a command of a request. Raises `Unreadable`.
        write: makes the body of an outcome; refusals have one shape for all calls and never come here.
    """

    page: Page
    read: Callable[[Request], Command]
    write: Callable[[Outcome], Payload]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path. `overrides`: what `_method` may be on a POST."""

    operations: Mapping[str, Operation]
    overrides: frozenset[str] = frozenset()


# --- Reading ----------------------------------------------------------------------------------


def _by_password(request: Request) -> ByPassword:
    return ByPassword(request.need("uaUserName", Item.NAME), request.need("uaPassword", Item.PASSWORD))


def _sign_in(request: Request) -> Command:
    asker = _by_password(request)
    request.one_of("intent", Item.INTENT, _INTENTS)
    second = request.second()
    return SignIn(
        asker.login,
        asker.password,
        request.number("tfaOptID", Item.OPTION) if request.fields.get("tfaOptID") else None,
        second.code,
        second.device,
        remembers=request.one_of("tfaSave", Item.SAVE, _SAVES) == "1",
        new_password=_new_password(request),
    )


def _new_password(request: Request) -> str:
    """A password to put in the place of the old one, sent twice; never while accounts are linked."""
    new = request.fields.get("uaNewPassword")
    is_good = len(new) >= _SHORTEST_PASSWORD and request.fields.get("intent") != "link"
    if request.fields.get("uaNewPassword2") != new or (new and not is_good):
        raise request.wrong(Item.NEW_PASSWORD)
    return new


def _list(request: Request) -> Command:
    names_somebody = request.fields.get("uaUserName") or request.fields.get("uaPassword")
    if not names_somebody:
        return ListOptions(ByToken(request.subject("uaID")))
    if request.has_token or request.fields.get("uaID"):
        raise Unreadable(_TWO_MODES)
    return ListOptions(_by_password(request))


def _challenge(request: Request) -> Command:
    return ChallengeOption(_by_password(request), request.number("tfaOptID", Item.OPTION))


def _phone(request: Request) -> Command:
    owner = ByToken(request.subject("chUaID"))
    request.one_of("chIntent", Item.INTENT, _PHONE_INTENTS)
    return AddAddress(owner, Factor.SMS, request.need("chPhone", Item.ADDRESS), request.presented_code())


def _totp(request: Request) -> Command:
    subject = request.subject("uaID") if request.fields.get("uaID") else ""
    return AddAuthenticator(ByToken(subject), request.presented_code())


def _add(request: Request) -> Command:
    owner = ByToken(request.subject("uaID"))
    factor = _ADDED[request.one_of("tfaOptType", Item.FACTOR, frozenset(_ADDED))]
    challenge = request.number("chID", Item.CHALLENGE) if factor is Factor.SMS else None
    return ConfirmOption(owner, factor, challenge, request.need("chResponse", Item.CODE))


def _remove(request: Request) -> Command:
    return RemoveOption(
        ByToken(request.subject("uaID")),
        request.number("tfaOptID", Item.OPTION),
        request.need("uaPassword", Item.PASSWORD),
        request.presented_code(),
    )


# --- Writing ----------------------------------------------------------------------------------


def _signed_in(outcome: Outcome) -> Payload:
    if not isinstance(outcome, SignedIn):
        raise _not_mine(outcome)
    saved = {"tfaToken": f"{TOKEN}{outcome.device}"} if outcome.device else {}
    return {
        "access_token": outcome.token,
        "expires_at": _moment(outcome.until_ms),
        "uaID": outcome.account.subject,
        **saved,
    }


def _listed(outcome: Outcome) -> Payload:
    if not isinstance(outcome, OptionsListed):
        raise _not_mine(outcome)
    shown = _shown if outcome.is_whole else _hinted
    data = [shown(one) for one in _ordered(outcome.options)]
    count = str(len(data))
    return {"meta": {"countTotal": count, "countData": count, "countOffset": "0"}, "data": data}


def _ordered(options: Iterable[Enrolment]) -> list[Enrolment]:
    """By type, and the oldest first within one, as the account has them."""
    return sorted((one for one in options if one.factor in TYPES), key=lambda one: TYPES[one.factor])


def _hinted(option: Enrolment) -> Payload:
    return {**_head(option), "tfaOptHint": _mask(option.address)}


def _shown(option: Enrolment) -> Payload:
    return {
        **_head(option),
        "tfaOptInsertDate": _moment(option.added_ms),
        "tfaOptLastUsed": _moment(option.used_ms),
        "tfaOptHint": option.address,
    }


def _head(option: Enrolment) -> dict[str, str]:
    return {"tfaOptID": str(option_number(option.id)), "tfaOptType": TYPES[option.factor]}


def _mask(address: str | None) -> str | None:
    """Of a number the plus, the first digit and the last two are left, and its length, as in the seed."""
    if address is None or "@" in address:
        return None if address is None else masked(address)
    return f"{address[:2]}{'*' * (len(address) - 4)}{address[-2:]}"


def _moment(ms: int | None) -> str | None:
    """A moment in UTC; the contract names no zone."""
    return None if ms is None else f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%d %H:%M:%S}"


def _done(outcome: Outcome) -> Payload:
    if not isinstance(outcome, Finished):
        raise _not_mine(outcome)
    return {"result": True}


def _begun(outcome: Outcome) -> Payload:
    if not isinstance(outcome, ChallengeBegun):
        raise _not_mine(outcome)
    return {"chID": str(outcome.number)}


def _drawn(outcome: Outcome) -> Payload:
    if not isinstance(outcome, SecretDrawn):
        raise _not_mine(outcome)
    return {"totpSecret": outcome.secret, "totpUri": outcome.uri}


def _added(outcome: Outcome) -> Payload:
    if not isinstance(outcome, OptionAdded):
        raise _not_mine(outcome)
    return {"result": True, "tfaOptID": str(outcome.number)}


def _not_mine(outcome: Outcome) -> TypeError:
    return TypeError(f"no body is written for a {type(outcome).__name__} here")


# --- All of them ------------------------------------------------------------------------------

ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType(
    {
        "/auth": Endpoint({"POST": Operation(Page.LOGIN, _sign_in, _signed_in)}),
        "/auth/tfa_options": Endpoint(
            {
                "GET": Operation(Page.LIST, _list, _listed),
                "POST": Operation(Page.ADD, _add, _added),
                "DELETE": Operation(Page.REMOVE, _remove, _done),
            },
            frozenset({"GET", "DELETE"}),
        ),
        "/auth/tfa_challenge": Endpoint({"POST": Operation(Page.CHALLENGE, _challenge, _done)}),
        "/auth/challenge_phone": Endpoint({"POST": Operation(Page.PHONE, _phone, _begun)}),
        "/auth/totp": Endpoint({"GET": Operation(Page.TOTP, _totp, _drawn)}),
    }
)
