"""The ceremonies' door: mounts each dialect's endpoints, reads a request whole, and replies with the outcome.

Ceremony paths match before policy, exactly, on their hosts: another method is 405, a trailing slash 404, and neither is
ever forwarded. They are never subject to rules. What stays out: what a ceremony does, and how its answer looks.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol, assert_never

from mfa_gateway.core.account import Anonymous, Caller, Identification
from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import Command, Failed, Outcome
from mfa_gateway.core.gate import RETRY_MS
from mfa_gateway.core.language import preferred_languages
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.wire import Asked, Dialect, Reply, Submission
from mfa_gateway.doors.asgi import Reading, Receive, Scope, Send, asked_of, field_of, finish_reading, send_reply

# spec/glue.md: bodies over 64 KiB are refused.
MAX_BODY: Final = 65_536


class Performing(Protocol):
    """Carries out commands."""

    async def carry_out(self, command: Command, call: Call) -> Outcome:
        """Play a ceremony to its outcome."""
        ...


@dataclass(frozen=True, slots=True)
class Mount:
    """A dialect and the hosts that its endpoints answer on; none named means every host."""

    dialect: Dialect
    hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a call to a ceremony path meets."""

    dialect: Dialect
    method: str
    is_exact: bool


class Ceremonies:
    """Serves the ceremony endpoints of every mounted dialect."""

    def __init__(
        self, mounts: Iterable[Mount], *, identify: Callable[[Call], Awaitable[Identification]], clerk: Performing
    ) -> None:
        self._identify = identify
        self._clerk = clerk
        self._by_path: dict[str, list[tuple[frozenset[str], Endpoint]]] = {}
        for mount in mounts:
            for path, method in mount.dialect.endpoints.items():
                self._add(path, mount.hosts, Endpoint(mount.dialect, method, is_exact=True))
                self._add(f"{path}/", mount.hosts, Endpoint(mount.dialect, method, is_exact=False))

    def _add(self, path: str, hosts: frozenset[str], endpoint: Endpoint) -> None:
        self._by_path.setdefault(path, []).append((hosts, endpoint))

    def endpoint(self, call: Call) -> Endpoint | None:
        """The endpoint that a call is for, or None when it is not for a ceremony."""
        if not self._by_path:
            return None
        mounted = self._by_path.get(str(call.path), ())
        return next((endpoint for hosts, endpoint in mounted if not hosts or call.host in hosts), None)

    async def serve(self, endpoint: Endpoint, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one `http` request to an endpoint."""
        caller = await self._caller(endpoint, call)
        if isinstance(caller, Reply):
            reply, reading = caller, await finish_reading(receive, call.headers)
        elif (body := await _read_body(receive)) is None:
            reply, reading = endpoint.dialect.refuse(Reason.BODY_TOO_LARGE, asked_of(call)), Reading.UNFINISHED
        else:
            outcome = await self._outcome(endpoint.dialect, call, caller, body=body)
            reply, reading = endpoint.dialect.encode(outcome, asked_of(call)), Reading.COMPLETE
        await send_reply(send, reply, scope, request_id=call.request_id, reading=reading)

    async def _caller(self, endpoint: Endpoint, call: Call) -> Caller | Reply:
        """Who asks, or the answer to somebody who cannot ask here."""
        dialect, asked = endpoint.dialect, asked_of(call)
        if not endpoint.is_exact:
            return dialect.refuse(Reason.NOT_FOUND, asked)
        if call.method != endpoint.method:
            return dialect.refuse(Reason.METHOD_NOT_ALLOWED, asked)
        match await self._identify(call):
            case Caller() as caller:
                return caller
            case anonymous:
                return _anonymous_reply(dialect, anonymous, asked)

    async def _outcome(self, dialect: Dialect, call: Call, caller: Caller, *, body: bytes) -> Outcome:
        command = dialect.decode(
            Submission(
                asked_of(call),
                caller,
                content_type=field_of(call, b"content-type"),
                body=body,
                code=call.code,
                languages=preferred_languages(field_of(call, b"accept-language")),
            )
        )
        return command if isinstance(command, Failed) else await self._clerk.carry_out(command, call)


def _anonymous_reply(dialect: Dialect, anonymous: Anonymous, asked: Asked) -> Reply:
    match anonymous:
        case Anonymous.NO_CREDENTIAL:
            return dialect.refuse(Reason.TOKEN_MISSING, asked)
        case Anonymous.BAD_CREDENTIAL:
            return dialect.refuse(Reason.TOKEN_INVALID, asked)
        case Anonymous.TWO_CREDENTIALS:
            return dialect.refuse(Reason.TWO_CREDENTIALS, asked)
        case Anonymous.UNDECIDED:
            return dialect.refuse(Reason.IDENTITY_UNAVAILABLE, asked, retry_after_ms=RETRY_MS)
        case _ as never:
            assert_never(never)


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body, or None when it is too large or the client left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)
