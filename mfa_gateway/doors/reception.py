"""The reception: serves areas that a dialect owns whole, whatever the method and whoever asks.

It reads a request to its end and hands it over with what only a door can know: when it came, by which addresses, and
whether over TLS. What a trusted proxy says of host and scheme counts beside what is seen here. What stays out: who is
calling, which the dialect reads and the porter finds out.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from mfa_gateway.core.call import Call
from mfa_gateway.core.entrance import Errand, Outcome
from mfa_gateway.core.language import preferred_languages
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.wire import Received, Reply, Resident
from mfa_gateway.doors.asgi import Reading, Receive, Scope, Send, asked_of, field_of, send_reply
from mfa_gateway.doors.bodies import read_body
from mfa_gateway.doors.peers import TrustedProxies

# 128 bits, as the names of answers have.
_UNIQUE_BYTES: Final = 16
_SCHEMES: Final = ("https", "http")


class Receiving(Protocol):
    """Carries out errands."""

    async def carry_out(self, errand: Errand, call: Call) -> Outcome:
        """Play an errand to its outcome."""
        ...


class Reception:
    """Serves areas. `clock` gives seconds since 1970."""

    def __init__(self, porter: Receiving, *, proxies: TrustedProxies, clock: Callable[[], float] = time.time) -> None:
        self._porter = porter
        self._proxies = proxies
        self._clock = clock

    async def serve(self, dialect: Resident, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one `http` request to an area."""
        body = await read_body(receive)
        received = self._received(call, scope, body or b"")
        if body is None:
            reply, reading = dialect.turn_away(Reason.BODY_TOO_LARGE, received), Reading.UNFINISHED
        else:
            reply, reading = await self._reply(dialect, received, call), Reading.COMPLETE
        await send_reply(send, reply, scope, request_id=call.request_id, reading=reading)

    async def _reply(self, dialect: Resident, received: Received, call: Call) -> Reply:
        accepted = dialect.receive(received)
        if isinstance(accepted, Reply):
            return accepted
        return dialect.answer(await self._porter.carry_out(accepted.errand, call), accepted)

    def _received(self, call: Call, scope: Scope, body: bytes) -> Received:
        scheme, host = self._told(call, b"x-forwarded-proto"), self._told(call, b"x-forwarded-host")
        seen = scheme.lower() or str(scope.get("scheme", "http"))
        hosts = tuple(dict.fromkeys(filter(None, (host, field_of(call, b"host")))))
        return Received(
            asked_of(call),
            urls=tuple(_urls(seen, hosts, str(call.path))),
            is_secure=seen == "https",
            now_ms=int(self._clock() * 1000),
            unique=secrets.token_hex(_UNIQUE_BYTES),
            query=call.query,
            body=body,
            headers=call.headers,
            languages=preferred_languages(field_of(call, b"accept-language")),
        )

    def _told(self, call: Call, name: bytes) -> str:
        """What the nearest trusted proxy says; "" where it says nothing, or is none."""
        return field_of(call, name).rpartition(",")[2].strip() if self._proxies.trust(call.peer) else ""


def _urls(scheme: str, hosts: tuple[str, ...], path: str) -> Iterator[str]:
    """Every way in which a request may have been addressed: a proxy that ends TLS need not say so."""
    for one in dict.fromkeys((scheme, *_SCHEMES)):
        for host in hosts:
            yield f"{one}://{host}{path}"
