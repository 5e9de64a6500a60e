"""Visitors: who stands at the entrance, as far as what they present can tell.

    Nothing             an app or a page: anybody at all
    Vouched             a server of the site: its codec has compared a secret, a signature or a signed token
    SessionShown        somebody with a session, by its token; a mobile client signs with the session's secret as well

Signatures over what one wire form calls a request are HMAC-SHA-1 over texts that its codec has written down; a request
may have been signed under several addresses, so any of them will do. What stays out: which parameters carry what, and
how a request is written down to be signed (dialects).
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from mfa_gateway.core.entrance.outcomes import Denial, Turned
from mfa_gateway.core.entrance.words import Asked, FindSession, Use, UseOnce, asked, asked_if_any
from mfa_gateway.core.session import Session
from mfa_gateway.core.site import Site


@dataclass(frozen=True, slots=True)
class Nonce:
    """What makes a signed request one of a kind: who signed, their word, and how long it could come again."""

    signer: str
    text: str = field(repr=False)
    keep_ms: int


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it may have been signed, in all its spellings, and the signature that came with it."""

    texts: tuple[bytes, ...] = field(repr=False)
    signature: bytes = field(repr=False)
    nonce: Nonce


@dataclass(frozen=True, slots=True)
class Nothing:
    """No credential."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """A credential of the site, found good. `nonce` where it is a signature, to be good once."""

    key: str
    nonce: Nonce | None = None


@dataclass(frozen=True, slots=True)
class SessionShown:
    """The token of a session, and what was signed with its secret where that is asked for.

    `is_ambient`: it came along by itself, as a cookie does. One that is over is no mistake then, and nobody's.
    `is_extended`: a server of the site says, signed, that this session goes on, should it take such a word.
    """

    token: str = field(repr=False)
    signed: Signed | None = None
    is_ambient: bool = False
    is_extended: bool = False


Credential = Nothing | Vouched | SessionShown


@dataclass(frozen=True, slots=True)
class Stranger:
    """Anybody."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the site, and the name of its credential."""

    key: str


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody with a session. `is_ambient`: its token came along by itself, so they need not mean it."""

    session: Session
    is_ambient: bool = False


Visitor = Stranger | Server | Owner


class Kind(StrEnum):
    """Kinds of visitors, for the tables that say who may do what."""

    STRANGER = "stranger"
    SERVER = "server"
    OWNER = "owner"


ANYBODY = frozenset(Kind)


def kind_of(visitor: Visitor) -> Kind:
    """The kind of a visitor."""
    match visitor:
        case Stranger():
            return Kind.STRANGER
        case Server():
            return Kind.SERVER
        case Owner():
            return Kind.OWNER
        case _ as never:
            assert_never(never)


def is_signed_with(secret: bytes, signed: Signed) -> bool:
    """Whether any spelling of the request was signed with this secret. All of them are compared, whichever it was."""
    return signature_fits(secret, signed.texts, signed.signature)


def signature_fits(secret: bytes, texts: Iterable[bytes], signature: bytes) -> bool:
    """The same for its parts."""
    found = [hmac.compare_digest(hmac.digest(secret, text, "sha1"), signature) for text in texts]
    return any(found)


def admitted(credential: Credential, site: Site) -> Asked[Visitor | Turned]:
    """Who presents this credential, or why it is worth nothing.

    A nonce is remembered only after its signature was found good, or strangers could use up those of others.
    """
    match credential:
        case Nothing():
            return Stranger()
        case Vouched(key=key, nonce=nonce):
            turned = yield from _used_once(nonce, site)
            return turned or Server(key)
        case SessionShown():
            return (yield from _owner(credential, site))
        case _ as never:
            assert_never(never)


def _owner(shown: SessionShown, site: Site) -> Asked[Visitor | Turned]:
    session, signed = (yield from asked_if_any(FindSession(shown.token), Session)), shown.signed
    if session is None or not _is_open(session, shown, site):
        return Stranger() if shown.is_ambient else Turned(Denial.NOBODY, "session")
    if signed is None:
        return Owner(session, shown.is_ambient)
    if not is_signed_with(session.secret, signed):
        return Turned(Denial.SIGNATURE_WRONG)
    turned = yield from _used_once(signed.nonce, site)
    return turned or Owner(session)


def _is_open(session: Session, shown: SessionShown, site: Site) -> bool:
    is_here = session.site == site.name and session.account.realm == site.realm
    return is_here and (session.is_on_its_own or shown.is_extended)


def _used_once(nonce: Nonce | None, site: Site) -> Asked[Turned | None]:
    if nonce is None:
        return None
    names = ("nonce", site.name, nonce.signer, nonce.text)
    use = yield from asked(UseOnce(names, nonce.keep_ms), Use)
    return None if use is Use.FIRST else Turned(Denial.NONCE_REPEATED)
