"""Routes: the marks in an application, each with the calls that reach its endpoint.

Mounts and included routers are walked to their end. A template is written as the patterns of rules are: `{x:int}` is
one segment, `{x:path}` at the end the rest. What cannot be said in a pattern is told instead of widened: a rule for
more than its endpoint would ask for a factor where nobody wrote so. Hosts of `Host` routes are not looked at: a mark
holds on every host. What stays out: what the rules ask for.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from re import compile as pattern
from typing import Any, Final

from starlette.routing import WebSocketRoute

from mfa_gateway.doors.asgi import ASGIApp, Scope
from mfa_gateway.doors.library.marks import Mark, mark_of

# Starlette's grammar of a parameter, and its convertors that take in more than a segment.
_PARAMETER: Final = pattern(r"\{([a-zA-Z_][a-zA-Z0-9_]*)(?::([a-zA-Z_][a-zA-Z0-9_]*))?\}")
_REST: Final = "path"
# What classes of endpoints call their methods by.
_VERBS: Final = ("get", "head", "post", "put", "patch", "delete", "options")


@dataclass(frozen=True, slots=True)
class MarkedRoute:
    """Calls that reach a marked endpoint. `methods` empty: every one.

    `path` is a pattern of rules, or None where there is none for it; then `problem` says why.
    """

    mark: Mark
    template: str
    methods: frozenset[str] = frozenset()
    path: str | None = None
    problem: str = ""


def application_of(app: ASGIApp, scope: Scope) -> object:
    """What has the routes: the first behind `app` that does, one middleware after the other, or the application."""
    inner: Any = app
    while inner is not None and not hasattr(inner, "routes"):
        inner = getattr(inner, "app", None)
    return inner if inner is not None else scope.get("app")


def marked_routes(application: object) -> Iterator[MarkedRoute]:
    """Every mark in an application, with every way to reach it."""
    yield from _walk(getattr(application, "routes", None) or (), "")


def _walk(routes: Iterable[Any], prefix: str) -> Iterator[MarkedRoute]:
    for route in _effective(routes):
        template = prefix + (getattr(route, "path", None) or "")
        if (endpoint := getattr(route, "endpoint", None)) is not None:
            yield from _of_endpoint(endpoint, route, template)
        elif (below := getattr(route, "routes", None)) is not None:
            yield from _walk(below, template)


def _effective(routes: Iterable[Any]) -> Iterable[Any]:
    """FastAPI keeps included routers whole, and has a function that shows their routes as they are reached."""
    flatten = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    return flatten(list(routes)) if flatten is not None else routes


def _of_endpoint(endpoint: object, route: Any, template: str) -> Iterator[MarkedRoute]:
    is_socket = isinstance(getattr(route, "original_route", route), WebSocketRoute)
    methods = frozenset({"GET"}) if is_socket else frozenset(getattr(route, "methods", None) or ())
    if (mark := mark_of(endpoint)) is not None:
        yield _route(mark, template, methods)
    if isinstance(endpoint, type):
        for verb in _VERBS:
            if (mark := mark_of(getattr(endpoint, verb, None))) is not None:
                yield _route(mark, template, frozenset({verb.upper()}))


def _route(mark: Mark, template: str, methods: frozenset[str]) -> MarkedRoute:
    parts = template.removeprefix("/").removesuffix("/").split("/") if template.strip("/") else []
    patterns: list[str] = []
    for index, part in enumerate(parts):
        written = _pattern(part, is_last=index == len(parts) - 1)
        if written is None:
            why = (
                f"'{part}' of {template} is no whole segment: rules match whole segments, and the rest only at the end"
            )
            return MarkedRoute(mark, template, methods, problem=why)
        patterns.append(written)
    return MarkedRoute(mark, template, methods, "/" + "/".join(patterns))


def _pattern(part: str, *, is_last: bool) -> str | None:
    found = _PARAMETER.fullmatch(part)
    if found is None:
        return None if "{" in part or "}" in part else part
    if found[2] == _REST:
        return "**" if is_last else None
    return f"{{{found[1]}}}"
