"""Upstreams: the list `upstream` becomes the core's routes, and what cannot become routes is told with its place.

What stays out: which route serves a call (core.routing), and addresses and TLS, which a single entry is about (network,
checks).
"""

from collections.abc import Collection, Iterator
from itertools import combinations
from typing import Final

from mfa_gateway.core.call import CanonicalPath, canonical_path
from mfa_gateway.core.routing import OddTargets, Route, Routes
from mfa_gateway.dialects.glue import Glue
from mfa_gateway.dialects.standard import Standard
from mfa_gateway.dialects.wire import area_of
from mfa_gateway.settings.access import Dialects
from mfa_gateway.settings.decoding import Draft
from mfa_gateway.settings.network import Upstream
from mfa_gateway.settings.problems import Place, Problem, place_text, problem_at
from mfa_gateway.settings.root import Settings


def routes_of(settings: Settings) -> Routes:
    """The routes of settings that were loaded without a problem, named by their place in the file.

    Raises:
        ValueError: two entries serve the same calls, in settings that were not loaded but made.
    """
    return Routes(
        Route(
            place_text(("upstream", index)),
            host=upstream.host or "",
            prefix=upstream.prefix or "",
            strips_prefix=upstream.strip_prefix,
            odd_targets=OddTargets(upstream.odd_targets),
        )
        for index, upstream in enumerate(settings.upstream)
    )


def hosts_of(settings: Settings) -> frozenset[str]:
    """The hosts that upstreams name."""
    return frozenset(upstream.host for upstream in settings.upstream if upstream.host is not None)


def upstream_problems(draft: Draft) -> Iterator[Problem]:
    """Everything that is wrong with the entries of a draft, one by one and together."""
    whole = [
        (("upstream", index), upstream)
        for index, upstream in enumerate(draft.settings.upstream)
        if draft.is_whole("upstream", index)
    ]
    for place, upstream in whole:
        if upstream.strip_prefix and not upstream.prefix:
            yield problem_at((*place, "strip_prefix"), "needs a prefix to take off: write prefix as well")
        if draft.is_whole("dialects", "glue") and draft.is_whole("dialects", "standard"):
            yield from _swallowed(upstream, place, draft)
        if draft.is_whole("dialects", "gigya") and draft.is_whole("dialects", "adservio"):
            yield from _resident(upstream, place, draft)
    for (first, one), (second, other) in combinations(whole, 2):
        if one.host == other.host and _segments(one) == _segments(other):
            yield problem_at(second, f"serves the calls of {place_text(first)}: give it a host or prefix of its own")


def _segments(upstream: Upstream) -> tuple[str, ...]:
    path = canonical_path((upstream.prefix or "/").encode("utf-8"))
    return path.segments if isinstance(path, CanonicalPath) else ()


def _swallowed(upstream: Upstream, place: Place, draft: Draft) -> Iterator[Problem]:
    """Ceremony paths match before anything is forwarded, so below one of them an upstream would hardly be asked."""
    dialects = draft.settings.dialects
    glue, standard = dialects.glue, dialects.standard
    if glue.enabled and _do_hosts_meet(upstream, glue.hosts) and upstream.prefix in Glue(glue.prefix).endpoints:
        yield problem_at((*place, "prefix"), f"is an endpoint of dialects.glue, {_ANSWERED_HERE}")
    is_below = f"{upstream.prefix or ''}/".startswith(standard_areas(dialects))
    if standard.enabled and _do_hosts_meet(upstream, standard.hosts) and is_below:
        yield problem_at((*place, "prefix"), f"is at or below an endpoint of dialects.standard, {_ANSWERED_HERE}")


def _resident(upstream: Upstream, place: Place, draft: Draft) -> Iterator[Problem]:
    """A form that owns an area leaves nothing of it to an upstream."""
    gigya, adservio = draft.settings.dialects.gigya, draft.settings.dialects.adservio
    is_inside = f"{upstream.prefix or ''}/".startswith(f"{gigya.prefix}/")
    owns_host = upstream.host in gigya.hosts if gigya.hosts else bool(gigya.prefix)
    if gigya.enabled and owns_host and is_inside:
        key = "prefix" if upstream.prefix else "host"
        yield problem_at((*place, key), f"is in the area of dialects.gigya, {_ANSWERED_HERE}")
    is_below = f"{upstream.prefix or ''}/".startswith(adservio_area(draft.settings.dialects))
    if adservio.enabled and _do_hosts_meet(upstream, adservio.hosts) and is_below:
        yield problem_at((*place, "prefix"), f"is in the area of dialects.adservio, {_ANSWERED_HERE}")


_ANSWERED_HERE: Final = "which answers it here: choose another prefix or host"


def _do_hosts_meet(upstream: Upstream, hosts: Collection[str]) -> bool:
    return upstream.host is None or not hosts or upstream.host in hosts


def adservio_area(dialects: Dialects) -> str:
    """What every path begins with, a final slash included, that Adservio's form answers."""
    return f"{dialects.adservio.prefix}/auth/"


def standard_areas(dialects: Dialects) -> tuple[str, ...]:
    """What the paths begin with, a final slash included, that the standard dialect answers whatever follows."""
    return tuple(filter(None, map(area_of, Standard(dialects.standard.prefix).endpoints)))
