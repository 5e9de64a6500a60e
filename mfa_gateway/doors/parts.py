"""Parts: what every door needs of a gateway, put together by whoever opens it.

What stays out: what the doors do with them.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mfa_gateway.core.call import Call
from mfa_gateway.core.credential import OtherCredentials
from mfa_gateway.core.verdict import Pass, Refuse, Verdict
from mfa_gateway.dialects.wire import Refusing
from mfa_gateway.doors.backchannel import Backchannel
from mfa_gateway.doors.ceremonies import Ceremonies
from mfa_gateway.doors.cors import Cors
from mfa_gateway.doors.peers import PeerHeader, TrustedProxies


class Judging(Protocol):
    """Gives verdicts."""

    async def judge(self, call: Call) -> Verdict:
        """Decide whether a call goes on."""
        ...

    def begin(self, call: Call) -> Verdict | Awaitable[Verdict]:
        """The same: the verdict if it can be told now, else what has to be awaited for it."""
        ...


class Watching(Protocol):
    """Knows who is revoked."""

    async def revoked(self, call: Call, verdict: Pass) -> None:
        """Return when the caller of a verdict is revoked."""
        ...


class Following(Protocol):
    """Does what a good answer does to what its caller has proved."""

    async def follow(self, call: Call, verdict: Pass) -> Refuse | None:
        """Do it now. A refusal to go out in place of the answer where it could not be done."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a door needs of a gateway.

    Attributes:
        judge: gives the verdicts.
        ceremonies: the endpoints that the gateway answers itself.
        dialects: by name, for the refusals of rules.
        fallback: for the refusals that no rule stands behind.
        proxies: who may speak for others.
        others: which carriers a protected route keeps from the application.
        aftermath: ends what good answers end, before they go out.
        told: the header by which listed peers say who is calling, where there is one.
        cors: which pages of other origins may read our answers.
        backchannel: where issuers tell of log-outs; None where none may.
        watch: tells when the caller behind an open WebSocket is revoked; None where nobody does.
        token_subprotocols: the WebSocket sub-protocols that bring a token behind a dot.
    """

    judge: Judging
    ceremonies: Ceremonies
    dialects: Mapping[str, Refusing]
    fallback: Refusing
    proxies: TrustedProxies
    others: OtherCredentials
    aftermath: Following
    told: PeerHeader | None = None
    cors: Cors = field(default_factory=Cors)
    backchannel: Backchannel | None = None
    watch: Watching | None = None
    token_subprotocols: frozenset[str] = frozenset()

    def dialect_of(self, refusal: Refuse) -> Refusing:
        """The wire form of a refusal."""
        if refusal.rule is None:
            return self.fallback
        return self.dialects.get(refusal.rule.requirement.dialect, self.fallback)


class Gatekeeping(Protocol):
    """A gateway with a life of its own: its store and connections."""

    @property
    def parts(self) -> Parts:
        """The parts; complete before `start`, usable after it."""
        ...

    async def start(self) -> None:
        """Open what has to be open. Raises when the gateway could not serve."""
        ...

    async def stop(self) -> None:
        """Close everything. May be called twice, and without `start`."""
        ...
