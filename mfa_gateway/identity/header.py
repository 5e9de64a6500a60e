"""The trusted header: a peer in front has found out who is calling, and says so in a header.

Anybody can send a header, so only the word of listed peers counts, by the address at the other end of the connection
and never by one that another header names. From everybody else the header says nothing at all; the door sees to it that
the application does not read it either.

A listed peer says one name, once. Several fields, an alias of the name (`X_Forwarded_User` for `X-Forwarded-User`), or
a comma, with which proxies join several fields to one (RFC 9110 section 5.3), are how a client's own copy gets through
a peer that adds its own beside it, so they name nobody.

What stays out: which peers are listed (a question handed in), and what goes on to the application (doors).
"""

import hashlib
from collections.abc import Callable

import structlog
from structlog.typing import FilteringBoundLogger

from mfa_gateway.core.account import AccountId, Anonymous, Caller
from mfa_gateway.core.call import Call
from mfa_gateway.core.credential import namesakes
from mfa_gateway.identity.claims import is_plain_name
from mfa_gateway.identity.flaw import Flaw


class HeaderIdentity:
    """Callers whom a listed peer names.

    There is no session and no token in such a header: one subject is one session, for as long as it is named.

    Args:
        realm: the accounts that the subjects are.
        name: the header, in lower case.
        is_listed: whether the word of a peer with this address counts.
        log: where refused headers are noted; never their value.

    Raises:
        ValueError: realm or name is empty, or the name is not in lower case.
    """

    def __init__(
        self,
        *,
        realm: str,
        name: bytes,
        is_listed: Callable[[str], bool],
        log: FilteringBoundLogger | None = None,
    ) -> None:
        if not realm or not name or name != name.lower():
            raise ValueError("a trusted header needs a realm, and a name in lower case")
        self._realm = realm
        self._name = name
        self._is_listed = is_listed
        self._log: FilteringBoundLogger = structlog.get_logger() if log is None else log

    def known(self, _call: Call) -> Caller | None:
        """Nobody: this is not remembered in a form that could be told at once."""
        return None

    async def identify(self, call: Call) -> Caller | Anonymous:
        """Read the header, if the peer is listed. Only where it is not there at all is there `NO_CREDENTIAL`."""
        fields = namesakes(call.headers, self._name) if self._is_listed(call.peer) else ()
        if not fields:
            return Anonymous.NO_CREDENTIAL
        subject = self._subject(fields)
        if isinstance(subject, Flaw):
            self._log.info("trusted header refused", flaw=subject.value, peer=call.peer, request_id=call.request_id)
            return Anonymous.BAD_CREDENTIAL
        digest = self._digest(subject)
        return Caller(AccountId(self._realm, subject), session=digest, token=digest, claims={"sub": subject})

    async def close(self) -> None:
        """Nothing goes on in the background."""

    def _subject(self, fields: tuple[tuple[bytes, bytes], ...]) -> str | Flaw:
        [(name, value), *more] = fields
        if more or name != self._name or b"," in value:
            return Flaw.SEVERAL_SUBJECTS
        try:
            subject = value.strip(b" \t").decode("utf-8")
        except UnicodeDecodeError:
            return Flaw.BAD_SUBJECT
        return subject if is_plain_name(subject) else Flaw.BAD_SUBJECT

    def _digest(self, subject: str) -> str:
        said = "\0".join(("trusted header", self._realm, self._name.decode("ascii"), subject))
        return hashlib.sha256(said.encode()).hexdigest()
