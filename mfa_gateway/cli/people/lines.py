"""Lines: one account of a file, a JSON object, read with every problem it has.

    {"realm": "shop", "subject": "ada", "login_ids": ["ada@example.com"], "password_hash": "$argon2id$…",
     "email": "ada@example.com", "email_verified": true, "phone": "+491701234567", "phone_verified": true,
     "locale": "de", "disabled": false, "factors": [{"type": "totp", "state": "active", "secret": "JBSWY3DPEHPK3PXP…"}],
     "profile": {"name": "Ada"}}

Only realm and subject are needed: a key that is not there leaves what is kept as it is, and null takes it away.
Problems never repeat a value, which may be a password. What stays out: whether a line fits what is kept
(wishes), and the store.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final, NoReturn

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.names import canonical_login, is_subject
from mfa_gateway.core.otp import Algorithm, TotpProfile, read_secret
from mfa_gateway.directory.addresses import canonical_email, canonical_locale, canonical_phone
from mfa_gateway.directory.passwords import MAX_PASSWORD_BYTES, password_bytes, read_hash
from mfa_gateway.state.ledger import Held, Vouched

# A profile of some kB is a long one, and nothing else of a line is longer. So what is taken out can be brought in.
MAX_PROFILE: Final = 32 * 1024
MAX_LINE: Final = 4 * MAX_PROFILE
_DEEPEST: Final = 20
# A person has a mail address, a phone number, a user name and perhaps a few that they had before.
MAX_LOGIN_IDS: Final = 16

Problems = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountLine:
    """A line that is good in itself.

    Attributes:
        account: whose it is.
        named: the keys that are there.
        login_ids: in their canonical form.
        password: in clear; hashed before it is kept.
        password_hash: PHC string.
        vouched: factors that are to be active; a secret with its parameters where one was given.
        removed: factors that are to be off.
    """

    account: AccountId
    named: frozenset[str]
    login_ids: tuple[str, ...] = field(default=(), repr=False)
    password: str | None = field(default=None, repr=False)
    password_hash: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    email_verified: bool = False
    phone: str | None = field(default=None, repr=False)
    phone_verified: bool = False
    locale: str | None = None
    disabled: bool = False
    vouched: Mapping[Factor, Vouched | None] = field(default_factory=dict, repr=False)
    removed: frozenset[Factor] = frozenset()
    profile: Mapping[str, object] = field(default_factory=dict, repr=False)


def read_line(raw: bytes, *, realms: Iterable[str]) -> AccountLine | Problems:
    """The account of a line, or everything that is wrong with it. `realms` are those that callers can come from."""
    try:
        # Some editors begin a file with a byte order mark.
        text = raw.decode("utf-8-sig")
        document = json.loads(
            text, object_pairs_hook=_without_doubles, parse_constant=_refuse_constant, parse_float=_finite
        )
    except UnicodeDecodeError:
        return ("is not UTF-8",)
    except _Doubled as doubled:
        return (str(doubled),)
    except (ValueError, RecursionError):
        return ("is not JSON",)
    if not isinstance(document, dict):
        return ("is not a JSON object",)
    return _account_line(document, frozenset(realms))


class _Doubled(ValueError):
    """A key is there twice, so that two readers could see two lines."""


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise _Doubled("names a key twice")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    """A number that can be written again: 1e999 would become infinity, which is not JSON."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is too large")
    return number


def _account_line(document: dict[str, object], realms: frozenset[str]) -> AccountLine | Problems:
    problems = [f"{_shown(key)}: there is no such key" for key in document if key not in _KEYS]
    values: dict[str, Any] = {}
    for key, reader in _READERS.items():
        if key in document:
            try:
                values |= reader(document[key])
            except _Wrong as wrong:
                problems += (f"{key}{problem}" for problem in wrong.problems)
    problems += _name_problems(document, realms)
    if document.get("password") is not None and document.get("password_hash") is not None:
        problems.append("password and password_hash: write one of them")
    if problems:
        return tuple(problems)
    account = AccountId(str(document["realm"]), str(document["subject"]))
    return AccountLine(account, named=frozenset(document), **values)


def _shown(key: str) -> str:
    """A key of somebody else's making, fit for a terminal."""
    return json.dumps(key[:40])


def _name_problems(document: Mapping[str, object], realms: frozenset[str]) -> Iterator[str]:
    realm = document.get("realm")
    if not isinstance(realm, str) or realm not in realms:
        yield f"realm: must be one of those that identity and dialects name: {', '.join(sorted(realms))}"
    if not is_subject(document.get("subject")):
        yield "subject: must be a text of 1 to 255 characters without control characters"


# --- One key at a time ------------------------------------------------------------------------


class _Wrong(Exception):
    """What is wrong with a value; each problem begins with a place in it, or with a colon."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems


_Reader = Callable[[object], dict[str, Any]]


def _canonical(key: str, canonical: Callable[[object], str | None], meant: str) -> _Reader:
    def read(value: object) -> dict[str, Any]:
        known = canonical(value)
        if value is not None and known is None:
            raise _Wrong(f": {meant}")
        return {key: known}

    return read


def _switch(key: str) -> _Reader:
    def read(value: object) -> dict[str, Any]:
        if not isinstance(value, bool):
            raise _Wrong(": must be true or false")
        return {key: value}

    return read


def _login_ids(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, list) or len(value) > MAX_LOGIN_IDS:
        raise _Wrong(f": must be a list of at most {MAX_LOGIN_IDS} texts")
    found = [canonical_login(one) for one in value]
    problems = [
        f"[{index}]: must be a text of 1 to 255 characters without control characters"
        for index, one in enumerate(found)
        if one is None
    ]
    problems += (f"[{index}]: is there twice" for index, one in enumerate(found) if one in found[:index])
    if problems:
        raise _Wrong(*problems)
    return {"login_ids": tuple(found)}


def _password(value: object) -> dict[str, Any]:
    if value is not None and not (isinstance(value, str) and password_bytes(value)):
        raise _Wrong(f": must be a text of 1 to {MAX_PASSWORD_BYTES} bytes in UTF-8")
    return {"password": value}


def _password_hash(value: object) -> dict[str, Any]:
    if value is not None:
        try:
            read_hash(value)
        except ValueError as error:
            raise _Wrong(f": {error}") from None
    return {"password_hash": value}


def _profile(value: object) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise _Wrong(": must be an object")
    if _is_deeper(value, than=_DEEPEST) or len(json.dumps(value)) > MAX_PROFILE:
        raise _Wrong(f": must have at most {MAX_PROFILE} bytes, and objects in objects at most {_DEEPEST} deep")
    return {"profile": value or {}}


def _is_deeper(value: object, *, than: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return than < 0 or any(_is_deeper(one, than=than - 1) for one in inner)


# --- Factors ----------------------------------------------------------------------------------

_VOUCHED: Final = {factor.value: factor for factor in (Factor.EMAIL, Factor.SMS, Factor.TOTP)}
_FACTOR_KEYS: Final = frozenset({"type", "state"})
_TOTP_KEYS: Final = _FACTOR_KEYS | {"secret", "algorithm", "digits", "period"}
_DIGITS: Final = (6, 7, 8)
_PERIODS: Final = (30, 60)
_STATES: Final = frozenset({"active", "off"})


def _factors(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, list):
        raise _Wrong(": must be a list of objects")
    problems: list[str] = []
    vouched: dict[Factor, Vouched | None] = {}
    removed: set[Factor] = set()
    for index, one in enumerate(value):
        try:
            factor, state, given = _factor(one)
        except ValueError as error:
            problems.append(f"[{index}]{error}")
            continue
        if factor in vouched or factor in removed:
            problems.append(f"[{index}]: {factor.value} is there twice")
        elif state == "off":
            removed.add(factor)
        else:
            vouched[factor] = given
    if problems:
        raise _Wrong(*problems)
    return {"vouched": vouched, "removed": frozenset(removed)}


def _factor(value: object) -> tuple[Factor, str, Vouched | None]:
    if not isinstance(value, dict):
        raise ValueError(": must be an object")  # noqa: TRY004 - one kind of error for the reader
    name, state = value.get("type"), value.get("state", "active")
    if not isinstance(name, str) or name not in _VOUCHED:
        raise ValueError(f".type: must be one of {', '.join(_VOUCHED)}")
    if not isinstance(state, str) or state not in _STATES:
        raise ValueError(".state: must be active or off")
    factor = _VOUCHED[name]
    known = _TOTP_KEYS if factor is Factor.TOTP and state == "active" else _FACTOR_KEYS
    if unknown := value.keys() - known:
        raise ValueError(f": there is no such key here: {', '.join(sorted(map(_shown, unknown)))}")
    return factor, state, _authenticator(value)


def _authenticator(value: Mapping[str, object]) -> Vouched | None:
    """A secret and the parameters that its authenticator was set up with."""
    profile = _parameters(value)
    secret = value.get("secret")
    if secret is None:
        return None
    if not isinstance(secret, str):
        raise ValueError(".secret: must be a text")  # noqa: TRY004 - one kind of error for the reader
    try:
        return Vouched(read_secret(secret), profile)
    except ValueError as error:
        raise ValueError(f".secret: {error}") from None


def _parameters(value: Mapping[str, object]) -> TotpProfile:
    """What is not written is what every app takes for granted (RFC 6238 section 4.1 and section 1.2)."""
    algorithm, digits, period = (value.get("algorithm", "sha1"), value.get("digits", 6), value.get("period", 30))
    if not isinstance(algorithm, str) or algorithm not in set(Algorithm):
        raise ValueError(f".algorithm: must be one of {', '.join(Algorithm)}")
    if type(digits) is not int or digits not in _DIGITS:
        raise ValueError(".digits: must be 6, 7 or 8")
    if type(period) is not int or period not in _PERIODS:
        raise ValueError(".period: must be 30 or 60")
    return TotpProfile(Algorithm(algorithm), digits, period)


_READERS: Final[Mapping[str, _Reader]] = {
    "login_ids": _login_ids,
    "password": _password,
    "password_hash": _password_hash,
    "email": _canonical("email", canonical_email, "is no plain mail address"),
    "email_verified": _switch("email_verified"),
    "phone": _canonical("phone", canonical_phone, "is no mobile number in international form, as in +491701234567"),
    "phone_verified": _switch("phone_verified"),
    "locale": _canonical("locale", canonical_locale, "is no language tag, as in de or de-AT"),
    "disabled": _switch("disabled"),
    "factors": _factors,
    "profile": _profile,
}
_KEYS: Final = frozenset({"realm", "subject", *_READERS})


# --- The way back -----------------------------------------------------------------------------


def line_of(held: Held) -> bytes:
    """The line of an account, without its secrets, ended. Bringing it in again changes nothing."""
    record = held.record
    document = {
        "realm": held.account.realm,
        "subject": held.account.subject,
        "login_ids": held.login_ids,
        "email": record.email,
        "email_verified": record.email_verified,
        "phone": record.phone,
        "phone_verified": record.phone_verified,
        "locale": record.locale,
        "disabled": held.disabled,
        "factors": [
            {"type": factor.value, "state": "active"} for factor in _VOUCHED.values() if held.is_active(factor)
        ],
        "profile": held.profile,
    }
    try:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # Half of a pair of surrogates has no bytes of its own.
        text = json.dumps(document, separators=(",", ":")).encode("ascii")
    return text + b"\n"
