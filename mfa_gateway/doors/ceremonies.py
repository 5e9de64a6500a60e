"""The ceremonies' door: mounts each dialect's endpoints, reads a request whole, and replies with the outcome.

Ceremony paths match before policy, exactly, on their hosts: another method is 405, a trailing slash 404, and neither is
ever forwarded. They are never subject to rules. Where a dialect has an area of its own, whatever is no endpoint in it
is 404 as well. A resident owns its areas whole, before every other dialect: the reception serves them. What stays out:
what a ceremony does, and how its answer looks.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from re import Pattern
from typing import Protocol, assert_never

import structlog
from structlog.typing import FilteringBoundLogger

from mfa_gateway.core.account import Anonymous, Caller, Identification
from mfa_gateway.core.call import Call, Oddity, OddPath, canonical_path
from mfa_gateway.core.ceremony import Command, Failed, Outcome
from mfa_gateway.core.gate import RETRY_MS
from mfa_gateway.core.language import preferred_languages
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.wire import ID, Dialect, Refusing, Reply, Resident, Submission, area_of, path_pattern
from mfa_gateway.doors.asgi import Reading, Receive, Scope, Send, asked_of, field_of, finish_reading, send_reply
from mfa_gateway.doors.bodies import read_body
from mfa_gateway.doors.page import Page
from mfa_gateway.doors.reception import Reception
from mfa_gateway.engine.journal import written

_log: FilteringBoundLogger = structlog.get_logger(__name__)


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
class Residence:
    """A dialect that owns its areas whole, and the hosts that they are on; none named means every host."""

    dialect: Resident
    hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a call to a ceremony path meets. A near one resembles an endpoint and takes no method."""

    dialect: Dialect
    methods: frozenset[str] = frozenset()
    is_exact: bool = True
    page: Page | None = None


@dataclass(frozen=True, slots=True)
class Area:
    """What a call to an area of a dialect's own meets."""

    dialect: Resident


Met = Endpoint | Area
_Mounted = tuple[frozenset[str], Endpoint]


class Ceremonies:
    """Serves the ceremony endpoints of every mounted dialect."""

    def __init__(
        self,
        mounts: Iterable[Mount | Residence],
        *,
        identify: Callable[[Call], Awaitable[Identification]],
        clerk: Performing,
        reception: Reception | None = None,
        page: Page | None = None,
    ) -> None:
        """`reception`: serves the areas; None where no dialect has one. `page`: shown to everybody who asks for it.

        Raises:
            ValueError: a dialect has an area, and nobody would serve it.
        """
        self._identify = identify
        self._clerk = clerk
        self._reception = reception
        self._by_path: dict[str, list[_Mounted]] = {}
        self._by_segments: dict[tuple[str, ...], list[_Mounted]] = {}
        self._by_pattern: list[tuple[Pattern[str], _Mounted]] = []
        self._areas: list[tuple[str, tuple[str, ...], _Mounted]] = []
        self._residences: list[tuple[tuple[str, ...], frozenset[str], Area]] = []
        for mount in mounts:
            for path, methods in mount.dialect.endpoints.items():
                if isinstance(mount, Mount):
                    self._add(path, mount, frozenset(methods.split(", ")))
                else:
                    self._add_area(path, mount)
        if page is not None:
            self._add_page(page)
        # One look at the beginning of a path is all that the calls of others cost.
        self._beginnings = tuple(beginning for beginning, _, _ in self._areas)

    def _add_page(self, page: Page) -> None:
        shown: _Mounted = (frozenset(), Endpoint(page.dialect, page=page))
        self._by_path[page.path] = self._by_path[f"{page.path}/"] = [shown]
        self._by_segments[_segments(page.path)] = [shown]

    def _add_area(self, path: str, mount: Residence) -> None:
        beginning = area_of(path)
        if beginning is None or self._reception is None:
            raise ValueError(f"{path}: a resident has areas, as in /gigya/**, and a reception that serves them")
        self._residences.append((_segments(beginning), mount.hosts, Area(mount.dialect)))

    def _add(self, path: str, mount: Mount, methods: frozenset[str]) -> None:
        exact: _Mounted = (mount.hosts, Endpoint(mount.dialect, methods))
        near: _Mounted = (mount.hosts, Endpoint(mount.dialect, is_exact=False))
        if (beginning := area_of(path)) is not None:
            self._areas.append((beginning, _segments(beginning), near))
        elif ID in path:
            self._by_pattern.append((path_pattern(path), exact))
        else:
            self._by_path.setdefault(path, []).append(exact)
            self._by_path.setdefault(f"{path}/", []).append(near)
            self._by_segments.setdefault(_segments(path), []).append(near)

    def endpoint(self, call: Call) -> Endpoint | Area | None:
        """The endpoint or area that a call is for, or None when it is not for a ceremony."""
        if self._residences and (area := self._residence(call)) is not None:
            return area
        if not self._by_path:
            return None
        if isinstance(call.path, OddPath):
            return self._resembling(call.path, call.host)
        path = str(call.path)
        found = _on_host(self._by_path.get(path, ()), call.host)
        return self._within(path, call.host) if found is None and path.startswith(self._beginnings) else found

    def _residence(self, call: Call) -> Area | None:
        """The area that a call is in by any reading of its path: whoever owns one owns all of it."""
        path = call.path
        ways = [one.segments for one in path.readings] if isinstance(path, OddPath) else [path.segments]
        for segments, hosts, area in self._residences:
            if (not hosts or call.host in hosts) and any(way[: len(segments)] == segments for way in ways):
                return area
        return None

    def _within(self, path: str, host: str) -> Endpoint | None:
        """What a path in an area meets: an endpoint with an id in it, or nothing at all."""
        exact = [mounted for pattern, mounted in self._by_pattern if pattern.fullmatch(path)]
        near = [mounted for beginning, _, mounted in self._areas if path.startswith(beginning)]
        return _on_host((*exact, *near), host)

    def _resembling(self, path: OddPath, host: str) -> Endpoint | None:
        """What an odd path meets that can be read as an endpoint's: not the endpoint, and not the upstream's either."""
        for read in (reading.segments for reading in path.readings):
            near = [mounted for _, area, mounted in self._areas if read[: len(area)] == area]
            if (endpoint := _on_host((*self._by_segments.get(read, ()), *near), host)) is not None:
                return endpoint
        return None

    async def serve(self, endpoint: Endpoint | Area, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one `http` request to an endpoint or area."""
        if isinstance(endpoint, Area):
            if self._reception is not None:
                await self._reception.serve(endpoint.dialect, call, scope, receive, send)
            return
        if endpoint.page is not None:
            await endpoint.page.serve(call, scope, receive, send)
            return
        caller = await self._caller(endpoint, call)
        if isinstance(caller, Failed):
            reply, reading = _refusal(endpoint.dialect, call, caller), await finish_reading(receive, call.headers)
        elif (body := await read_body(receive)) is None:
            reply, reading = _refusal(endpoint.dialect, call, Failed(Reason.BODY_TOO_LARGE)), Reading.UNFINISHED
        else:
            outcome = await self._outcome(endpoint.dialect, call, caller, body=body)
            reply, reading = endpoint.dialect.encode(outcome, asked_of(call)), Reading.COMPLETE
        await send_reply(send, reply, scope, request_id=call.request_id, reading=reading)

    async def _caller(self, endpoint: Endpoint, call: Call) -> Caller | Failed:
        """Who asks, or why nobody can ask this here."""
        if not endpoint.is_exact:
            return Failed(Reason.NOT_FOUND)
        if call.method not in endpoint.methods:
            return Failed(Reason.METHOD_NOT_ALLOWED)
        match await self._identify(call):
            case Caller() as caller:
                return caller
            case anonymous:
                return _unidentified(anonymous)

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
        if isinstance(command, Failed):
            _note(call, command)
            return command
        return await self._clerk.carry_out(command, call)


def _on_host(mounted: Iterable[_Mounted], host: str) -> Endpoint | None:
    return next((endpoint for hosts, endpoint in mounted if not hosts or host in hosts), None)


def _segments(path: str) -> tuple[str, ...]:
    read = canonical_path(path.encode("utf-8"))
    if isinstance(read, Oddity):
        raise ValueError(f"the path {path} of an endpoint is not canonical: {read.value}")  # noqa: TRY004 - a value
    return read.segments


def _refusal(dialect: Refusing, call: Call, failed: Failed) -> Reply:
    """The answer to a request that no ceremony comes of."""
    _note(call, failed)
    return dialect.refuse(failed.reason, asked_of(call), retry_after_ms=failed.retry_after_ms)


def _note(call: Call, failed: Failed) -> None:
    """Write down why there was no ceremony: the clerk, who writes of the others, never heard of it."""
    fields = {"method": call.method, "path": written(str(call.path)), "reason": failed.reason.value}
    _log.info("ceremony refused", request_id=call.request_id, **fields, detail=failed.detail)


def _unidentified(anonymous: Anonymous) -> Failed:
    match anonymous:
        case Anonymous.NO_CREDENTIAL:
            return Failed(Reason.TOKEN_MISSING)
        case Anonymous.BAD_CREDENTIAL:
            return Failed(Reason.TOKEN_INVALID)
        case Anonymous.TWO_CREDENTIALS:
            return Failed(Reason.TWO_CREDENTIALS)
        case Anonymous.UNDECIDED:
            return Failed(Reason.IDENTITY_UNAVAILABLE, retry_after_ms=RETRY_MS)
        case _ as never:
            assert_never(never)
