"""Routing: which upstream a judged call goes to, and what of its path goes there.

Theory. Like the policy, the table is a set: the most specific route serves a call, by host (named before none), then by
the longest prefix in whole segments. It is asked with the very path and host that were judged, and cuts the very bytes
that were. An odd path goes where all its readings lead, or nowhere: were the route chosen by one of them, that reading
would also choose whether odd paths are taken at all.

What stays out: hosts that nobody serves (gate), addresses and connections (doors).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final

from mfa_gateway.core.call import CanonicalPath, Oddity, OddPath, canonical_path
from mfa_gateway.core.readings import odd_path


class OddTargets(StrEnum):
    """What an upstream gets of paths with several readings."""

    REFUSE = "refuse"
    STRICTEST = "strictest"


class Astray(Enum):
    """Why a call goes to no upstream."""

    UNSERVED = "no upstream serves this path on this host"
    AMBIGUOUS = "the readings of the path lead to different places, or to an upstream that takes no such paths"


@dataclass(frozen=True, slots=True)
class Route:
    """One upstream and the calls that it serves: those for `host` ("": every) whose path begins with `prefix`.

    Attributes:
        name: tells it from the others.
        host: a canonical host.
        prefix: a canonical path without a final slash; "" is every path.
        strips_prefix: whether the prefix is taken off before forwarding.
        odd_targets: what is done with paths that have several readings.

    Raises:
        ValueError: the prefix is none.
    """

    name: str
    host: str = ""
    prefix: str = ""
    strips_prefix: bool = False
    odd_targets: OddTargets = OddTargets.REFUSE
    segments: tuple[str, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Read the prefix as paths are read."""
        path = canonical_path((self.prefix or "/").encode("utf-8", "surrogatepass"))
        if not isinstance(path, CanonicalPath) or str(path) != (self.prefix or "/") or self.prefix.endswith("/"):
            raise ValueError(f"'{self.prefix}' is not a canonical path without a final slash")
        object.__setattr__(self, "segments", path.segments)

    def target(self, path: CanonicalPath | OddPath) -> bytes:
        """The path to forward: as it was judged, without the bytes of the prefix where that is taken off."""
        if not self.strips_prefix:
            return path.wire
        at = 0
        for _ in self.segments:
            at = path.wire.find(b"/", at + 1)
            if at < 0:
                return b"/"
        return path.wire[at:]


_Table = Mapping[tuple[str, ...], Route]


class Routes:
    """Every route of a gateway. Without one, nothing is astray because nothing is routed: that is an ASGI application.

    Raises:
        ValueError: two routes serve the same host and prefix.
    """

    __slots__ = ("_by_host", "every", "takes_odd_paths")

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self.every = tuple(routes)
        self.takes_odd_paths = any(route.odd_targets is OddTargets.STRICTEST for route in self.every)
        """Whether any route does, so that reading them in every way may be of use."""
        self._by_host = {
            host: _tables([route for route in self.every if route.host == host])
            for host in {route.host for route in self.every}
        }

    def direct(self, path: CanonicalPath | OddPath, host: str) -> Route | Astray:
        """Where a call goes."""
        if isinstance(path, OddPath):
            return self._direct_odd(path, host)
        return self._serving(path.segments, host) or Astray.UNSERVED

    def _serving(self, segments: tuple[str, ...], host: str) -> Route | None:
        for name in (host, ""):
            for length, table in self._by_host.get(name, ()):
                if (route := table.get(segments[:length])) is not None:
                    return route
        return None

    def _direct_odd(self, path: OddPath, host: str) -> Route | Astray:
        serving = {self._serving(reading.segments, host) for reading in path.readings}
        route = serving.pop()
        if serving or (route is not None and not _takes(route, path)):
            return Astray.AMBIGUOUS
        return route or Astray.UNSERVED


def _tables(routes: list[Route]) -> tuple[tuple[int, _Table], ...]:
    """The routes by their prefix, the longest first."""
    if len({route.segments for route in routes}) < len(routes):
        raise ValueError("two routes serve the same host and prefix")
    lengths = sorted({len(route.segments) for route in routes}, reverse=True)
    return tuple(
        (length, {route.segments: route for route in routes if len(route.segments) == length}) for length in lengths
    )


def _takes(route: Route, path: OddPath) -> bool:
    """Whether an odd path may go this way. What is left of it must not begin with two slashes: see `readings`.

    That the bytes of the prefix are the same in all readings follows from all of them beginning with its segments: the
    one in which nothing was changed has no mark there, so no step of any other changed anything before the end of it.
    """
    if route.odd_targets is OddTargets.REFUSE:
        return False
    cut = len(route.segments)
    return not (route.strips_prefix and any(reading.segments[cut : cut + 1] == ("",) for reading in path.readings))


ANYWHERE: Final = Routes()


def path_for(raw: bytes, host: str, routes: Routes) -> CanonicalPath | OddPath | Oddity:
    """The path of a call for a host, as it is judged: in all its readings where they lead to a route that takes such.

    `raw` is the path of a target as received, without its query.
    """
    path = canonical_path(raw)
    if isinstance(path, CanonicalPath) or not routes.takes_odd_paths:
        return path
    odd = odd_path(raw)
    return odd if isinstance(odd, OddPath) and isinstance(routes.direct(odd, host), Route) else path
