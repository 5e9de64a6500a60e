"""The account, as every login shows it: its fields, its session, and what is said where a login is not complete.

Field names and kinds are those of captured answers (spec/gigya.md section 1.8). What stays out: which method shows it.
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Final, assert_never

from mfa_gateway.core.entrance import Entered, Incomplete, Outcome, Stay
from mfa_gateway.core.entrance.account_outcomes import Pending, SecondStep
from mfa_gateway.core.entrance.profiles import UPDATED
from mfa_gateway.core.entrance.words import Portrait
from mfa_gateway.core.session import OpenedSession
from mfa_gateway.dialects.gigya.envelope import Body, timestamp
from mfa_gateway.dialects.gigya.errors import GigyaError, invalid
from mfa_gateway.dialects.gigya.method import Request, not_mine
from mfa_gateway.dialects.gigya.signature import uid_signature

# Kept in a profile beside what belongs to the person.
OWN: Final = frozenset({"createdTimestamp", "regSource", "data", UPDATED})
# spec/gigya.md section 4.5.
_DEFAULT_INCLUDE: Final = "profile,data"
_BRIEF_MS: Final = 60_000
# No server's word makes a session last longer than a device is remembered (spec/gigya.md section 6).
_EXTENDABLE_MS: Final = 30 * 24 * 3600 * 1000
_LONGEST_SECONDS: Final = 10 * 365 * 24 * 3600
_ENVIRONMENTS: Final = frozenset({"browser", "mobile", "jssdk"})


def included(request: Request) -> frozenset[str]:
    """What a client wants to see: a list with commas, in which empty items mean nothing."""
    return frozenset(filter(None, request.bag.get("include", _DEFAULT_INCLUDE).replace(" ", "").split(",")))


def stay_of(request: Request) -> Stay | GigyaError:
    """How long a session is to last, and what comes along; `targetEnv` is looked at here as well, before any code is.

    0, and nothing at all: as the site says; -1: a minute, and longer where a server of the site says so each time
    (extension); -2: until it is closed; else so many seconds.
    """
    if request.bag.get("targetEnv", "browser").lower() not in _ENVIRONMENTS:
        return invalid("targetEnv")
    wants_id_token = "id_token" in included(request)
    match request.bag.get("sessionExpiration", "0"):
        case "0":
            return Stay(request.site.session_ms, wants_id_token)
        case "-1":
            return Stay(_EXTENDABLE_MS, wants_id_token, _BRIEF_MS)
        case "-2":
            return Stay(None, wants_id_token)
        case text if text.isascii() and text.isdigit() and int(text[:12]) <= _LONGEST_SECONDS and len(text) < 12:  # noqa: PLR2004 - no length that a number in the range has
            return Stay(int(text) * 1000, wants_id_token)
        case _:
            return invalid("sessionExpiration")


def entered(outcome: Entered, request: Request) -> Body:
    """The body of a login."""
    return Body(
        {
            **account_fields(outcome.portrait, request, login_ms=request.form.now_ms, is_login=True),
            "newUser": outcome.is_new,
            "isNewUser": outcome.is_new,
            "sessionInfo": session_info(outcome.session, request),
            "id_token": outcome.id_token,
        }
    )


def incomplete(outcome: Incomplete, request: Request) -> Body:
    """The body of a login that something is missing for: the account is there, and the token that completes it."""
    shown = {
        **account_fields(outcome.portrait, request, login_ms=request.form.now_ms, is_login=True, is_registered=False),
        "newUser": outcome.is_new,
        "isNewUser": outcome.is_new,
        "regToken": outcome.ticket,
        "sessionInfo": session_to_come(request),
    }
    if not outcome.missing:
        shown["unverifiedEmails"] = list(outcome.unverified)
        return Body(shown, GigyaError(206002))
    return Body(shown, GigyaError(206001, f"Missing required fields for registration: {', '.join(outcome.missing)}"))


def pending(outcome: Pending, request: Request) -> Body:
    """The body of a login that takes a second factor. Nothing of the account is in it but its id."""
    shown = {"UID": outcome.account.subject, "regToken": outcome.ticket, "sessionInfo": session_to_come(request)}
    match outcome.step:
        case SecondStep.VERIFY:
            return Body(shown, GigyaError(403101, "Pending Two-Factor Authentication"))
        case SecondStep.REGISTER:
            return Body(shown, GigyaError(403102, "Pending Two-Factor Registration"))
        case _ as never:
            assert_never(never)


def session_to_come(request: Request) -> dict[str, str]:
    """What captures hold where a session is still to be opened: how long it will last, and no token."""
    return {"expires_in": str(request.site.session_ms // 1000)}


def login_body(outcome: Outcome, request: Request) -> Body:
    """The body of whatever a login comes to."""
    match outcome:
        case Entered():
            return entered(outcome, request)
        case Incomplete():
            return incomplete(outcome, request)
        case Pending():
            return pending(outcome, request)
        case _:
            raise not_mine(outcome)


def account_fields(
    portrait: Portrait, request: Request, *, login_ms: int | None, is_login: bool = False, is_registered: bool = True
) -> dict[str, object]:
    """Who somebody is. What the client did not ask for, and what nobody knows, is None.

    `login_ms`: when they logged in. `is_login`: whether this is the body of a login, where some numbers are in seconds
    that are in milliseconds everywhere else: a quirk of the contract.
    """
    wanted, unit = included(request), 1000 if is_login else 1
    created_ms, updated_ms = _moment(portrait, "createdTimestamp"), _moment(portrait, UPDATED)
    return {
        "UID": portrait.account.subject,
        **(_signed_uid(portrait, request) if is_registered and login_ms is not None else {}),
        **_dated("created", created_ms, unit),
        "isActive": not portrait.is_disabled,
        "isRegistered": is_registered,
        "isVerified": portrait.email_verified or portrait.phone_verified,
        **_dated("lastLogin", login_ms, unit),
        **_dated("lastUpdated", created_ms if updated_ms is None else updated_ms),
        "loginProvider": "site",
        "socialProviders": "site",
        **(_dated("registered", created_ms, unit) if is_registered else {}),
        "profile": profile_of(portrait) if "profile" in wanted else None,
        "data": portrait.profile.get("data", {}) if "data" in wanted else None,
        "emails": _emails(portrait) if "emails" in wanted else None,
        "loginIDs": _login_ids(portrait) if "loginIDs" in wanted else None,
        "regSource": portrait.profile.get("regSource") if "regSource" in wanted else None,
        "userInfo": _user_info(portrait) if request.bag.flag("includeUserInfo") is True else None,
    }


def _moment(portrait: Portrait, name: str) -> int | None:
    kept = portrait.profile.get(name)
    return kept if isinstance(kept, int) else None


def _dated(name: str, ms: int | None, unit: int = 1) -> dict[str, object]:
    """A moment as text and as a number, in units of so many milliseconds."""
    return {} if ms is None else {name: timestamp(ms), f"{name}Timestamp": ms // unit}


def _user_info(portrait: Portrait) -> dict[str, object]:
    """The older form of an account, for clients of `socialize` (spec/gigya.md section 4.5)."""
    names = ("firstName", "lastName", "nickname", "gender", "country")
    known = {name: portrait.profile[name] for name in names if name in portrait.profile}
    email = {} if portrait.email is None else {"email": portrait.email}
    return {"UID": portrait.account.subject, "isSiteUser": True, "loginProvider": "site", **email, **known}


def profile_of(portrait: Portrait) -> Mapping[str, object]:
    """What is known of a person, with the mailbox that belongs to them."""
    profile = {name: value for name, value in portrait.profile.items() if name not in OWN}
    return profile if portrait.email is None else {"email": portrait.email, **profile}


def _signed_uid(portrait: Portrait, request: Request) -> dict[str, object]:
    """spec/gigya.md section 4.3: for servers that share the partner's secret; other sites have nothing to sign with.

    Such a server takes it for a login, so it is given to whoever is in, and to nobody whose login waits for something.
    """
    secret, seconds = request.access.secret, request.form.now_ms // 1000
    if secret is None:
        return {}
    signature = uid_signature(secret, portrait.account.subject, seconds)
    return {"UIDSignature": signature, "signatureTimestamp": str(seconds)}


def _emails(portrait: Portrait) -> dict[str, list[str]]:
    verified = [portrait.email] if portrait.email is not None and portrait.email_verified else []
    unverified = [portrait.email] if portrait.email is not None and not portrait.email_verified else []
    return {"verified": verified, "unverified": unverified}


def _login_ids(portrait: Portrait) -> dict[str, object]:
    emails = [login for login in portrait.login_ids if "@" in login]
    others = [login for login in portrait.login_ids if "@" not in login]
    username = {"username": others[0]} if others else {}
    return {**username, "emails": emails, "unverifiedEmails": []}


def session_info(opened: OpenedSession, request: Request) -> dict[str, str]:
    """A session in the shape that the client's environment keeps it in. `expires_in` is text: one SDK insists on it."""
    session = opened.session
    left_ms = session.left_ms if session.brief_ms is None else session.brief_ms
    expires_in = str(0 if left_ms is None else left_ms // 1000)
    match request.bag.get("targetEnv", "browser").lower():
        case "mobile":
            secret = b64encode(opened.session.secret).decode("ascii")
            return {"sessionToken": opened.token, "sessionSecret": secret, "expires_in": expires_in}
        case "jssdk":
            return {"login_token": opened.token, "expires_in": expires_in}
        case _:
            return {"cookieName": f"glt_{request.site.name}", "cookieValue": opened.token, "expires_in": expires_in}
