"""Passages: who is showing second factors, and what they may do to them.

    a login      by its ticket: the first factor was good, and there is no session yet
    a session    by its token
    a server     speaks for an account of its site

Each is a passage with a name. What is proved in it is proved by the session of that name, and whoever changes a factor
in it stays in it, though everybody else's login and session end. Whether a second factor was shown in a login is kept
with its passage, by the store: the ticket itself says nothing of it, so it cannot be forged, and belongs to this
account, site and device like the ticket (logins).

What stays out: assertions, and every step that shows a factor (tfa).
"""

from dataclasses import dataclass
from typing import Final

from mfa_gateway.core.account import AccountId, Caller, Factor, Standing, level_of, needed_level
from mfa_gateway.core.ceremony import FRESH_LOGIN_MS, Recall
from mfa_gateway.core.entrance.logins import Resumed, resumed
from mfa_gateway.core.entrance.outcomes import Denial, Turned
from mfa_gateway.core.entrance.second_words import BeginPassage, Passage
from mfa_gateway.core.entrance.steps import Visit, recalled
from mfa_gateway.core.entrance.visitors import Owner, Server
from mfa_gateway.core.entrance.words import Asked, Describe, OnBehalf, Portrait, asked, asked_if_any
from mfa_gateway.core.proof import Scope

# A server asks for one step after the other; longer than any assertion is good.
_SERVER_MS: Final = 600_000


@dataclass(frozen=True, slots=True)
class Holder:
    """Who shows, or changes, second factors.

    Attributes:
        caller: the account; `session` is the name of the passage.
        epoch: the account's.
        login_ms: how long ago they logged in; None where a server speaks for them.
        is_here: whether that was on this device.
        is_ambient: whether a browser may have sent the credential without their knowledge.
        has_session: whether nobody opens a session after it: it is one, or a server's.
    """

    caller: Caller
    epoch: int
    login_ms: int | None
    is_here: bool = True
    is_ambient: bool = False
    has_session: bool = True

    @property
    def name(self) -> str:
        """What the passage is called."""
        return self.caller.session

    def logged_in_lately(self) -> bool:
        """Whether the first factor was shown within five minutes, or somebody answers for that."""
        return self.login_ms is None or self.login_ms < FRESH_LOGIN_MS


def caller_in(account: AccountId, name: str) -> Caller:
    """Somebody in a passage, to ask for what the ceremonies of callers need."""
    return Caller(account, session=name, token=name)


def holder_of(visit: Visit, *, registration_text: str = "", subject: str = "") -> Asked[Holder | Turned]:
    """Who shows second factors: the login of a ticket, the owner of a session, or whom a server names."""
    if registration_text:
        found = yield from resumed(registration_text, visit)
        holder = found if isinstance(found, Turned) else _of_login(found, visit)
    elif isinstance(visit.visitor, Owner):
        holder = yield from _of_session(visit.visitor, visit)
    elif isinstance(visit.visitor, Server) and subject:
        holder = yield from _of_server(AccountId(visit.site.realm, subject), visit)
    else:
        holder = Turned(Denial.NOBODY)
    if isinstance(holder, Turned):
        return holder
    if subject not in ("", holder.caller.account.subject):
        return Turned(Denial.FORBIDDEN, "UID")
    portrait = yield from asked_if_any(Describe(holder.caller.account), Portrait)
    return Turned(Denial.DISABLED) if portrait is not None and portrait.is_disabled else holder


def _of_login(found: Resumed, visit: Visit) -> Holder:
    ticket = found.ticket
    return Holder(
        caller_in(found.account, ticket.id),
        found.passage.epoch,
        max(visit.now_ms - ticket.born_ms, 0),
        has_session=False,
    )


def _of_session(owner: Owner, visit: Visit) -> Asked[Holder]:
    session = owner.session
    standing = yield from recalled(session.account)
    is_here = session.device in ("", visit.device)
    return Holder(caller_in(session.account, session.id), standing.epoch, session.age_ms, is_here, owner.is_ambient)


def _of_server(account: AccountId, visit: Visit) -> Asked[Holder | Turned]:
    """A passage for each epoch: what a server was shown before a factor changed allows no other change."""
    standing = yield from recalled(account)
    portrait = yield from asked_if_any(Describe(account), Portrait)
    if portrait is None and not standing.recorded:
        return Turned(Denial.NOBODY, "UID")
    name = f"server:{visit.site.name}:{standing.epoch}"
    passage = yield from asked_if_any(BeginPassage(account, name, standing.epoch, _SERVER_MS), Passage)
    if passage is None:
        return Turned(Denial.CHANGED)
    return Holder(caller_in(account, name), passage.epoch, None)


def standing_of(caller: Caller) -> Asked[Standing]:
    """What is known of an account, and what was proved in this passage."""
    return (yield from asked(OnBehalf(caller, Recall(Scope.SESSION)), Standing))


def unauthorised(holder: Holder, standing: Standing, target: Factor) -> Turned | None:
    """Why a holder may not add, change or remove a factor; None: they may.

    Where the account has a factor, one of sufficient level has to have been proved in this very passage within the last
    five minutes. Where it has none, the first one has to have been; on this device, as far as that is known. A wire
    form that leads through several steps has no place for a code in this one: what the ceremonies of callers take with
    the request was shown just before here.
    """
    if not standing.active():
        is_recent = holder.logged_in_lately() and holder.is_here
        return None if is_recent else Turned(Denial.LOGIN_STALE)
    needed = needed_level(standing, target)
    for proof in standing.proofs:
        is_fresh = 0 <= proof.age_ms < FRESH_LOGIN_MS and proof.factor in standing.active()
        if is_fresh and level_of(standing, proof.factor) >= needed:
            return None
    return Turned(Denial.LOGIN_STALE)
