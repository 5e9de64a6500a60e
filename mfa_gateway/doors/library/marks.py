"""Marks: endpoints that ask for a second factor, written next to them.

A mark makes a rule, and the rule is enforced by the gate like any other. Should the gate not be there (no middleware,
another path than the rule's, a route that was added too late), the endpoint itself refuses to run: before it does, it
asks the scope for the gate that judged the call, and the gate whether the mark's own rule was among those it looked at.

What stays out: finding marked endpoints (routes), and what a mark may say (`app`).
"""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any, Final, TypeVar, cast, get_type_hints

from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.requests import HTTPConnection

from mfa_gateway.core.policy import Policy
from mfa_gateway.doors.asgi import JUDGED, Scope

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

# Under this key the scope of a call that was let through carries the gate that did it.
GATE: Final = "mfa_gateway.gate"
_MARK: Final = "__mfa_mark__"
# The parameter by which FastAPI hands a marked function its connection; endpoints themselves never see it.
_CONNECTION: Final = "mfa_connection"


class NotJudged(RuntimeError):
    """A marked endpoint was reached by a call that was not judged under its rule. It answers 500, and did not run."""


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """What an endpoint asks for.

    Attributes:
        terms: as written, by the names that a rule has in the configuration.
        name: what the rule is called in logs, unless the terms say so.
        place: where it is written.
    """

    terms: Mapping[str, object] = field(repr=False)
    name: str
    place: str


@dataclass(frozen=True, slots=True)
class Gate:
    """The marks that a middleware knows, each with the rules that were made of it."""

    known: Mapping[Mark, Policy] = field(default_factory=dict)

    def has_weighed(self, mark: Mark, scope: Scope) -> bool:
        """Whether a rule of this mark was among those that the call was judged under."""
        policy = self.known.get(mark)
        path, host = scope[JUDGED]
        return policy is not None and any(policy.matches(scope.get("method", "GET"), path, host))


def permit(scope: Scope, mark: Mark) -> None:
    """Let a marked endpoint run.

    Raises:
        NotJudged: the gate did not judge the call under the mark's rule.
    """
    gate = scope.get(GATE)
    if not isinstance(gate, Gate):
        raise NotJudged(
            f"{mark.place}: no MFAMiddleware has judged this call: add it with app.add_middleware(MFAMiddleware, ...)"
        )
    if not gate.has_weighed(mark, scope):
        raise NotJudged(
            f"{mark.place}: this call was judged under other rules only: mark endpoints before the application starts, "
            "keep what changes paths outside of MFAMiddleware, and let decorators use functools.wraps"
        )


def mark_of(endpoint: object) -> Mark | None:
    """The mark of an endpoint, or None."""
    while isinstance(endpoint, partial):
        endpoint = endpoint.func
    found = getattr(endpoint, _MARK, None)
    return found if isinstance(found, Mark) else None


def marked(endpoint: Endpoint, mark: Mark) -> Endpoint:
    """The endpoint, which asks for the gate before it runs.

    Raises:
        TypeError: it is no function, no HTTPEndpoint and no WebSocketEndpoint, or it is marked already.
    """
    if _MARK in vars(endpoint):
        raise TypeError(f"{mark.place}: is marked twice: write one @requires_mfa, with everything it asks for")
    if inspect.isclass(endpoint):
        if not issubclass(endpoint, HTTPEndpoint | WebSocketEndpoint):
            raise TypeError(f"{mark.place}: only HTTPEndpoint and WebSocketEndpoint classes can be marked")
        return cast("Endpoint", _marked_class(endpoint, mark))
    if not inspect.isfunction(endpoint):
        raise TypeError(f"{mark.place}: only functions and endpoint classes can be marked")
    entered = _entered(endpoint, mark)
    setattr(entered, _MARK, mark)
    _ask_for_connection(entered, endpoint)
    return cast("Endpoint", entered)


def _marked_class(endpoint: Any, mark: Mark) -> Any:
    """In place, so that the class stays the one that its own methods call by name."""
    setattr(endpoint, _MARK, mark)
    begin = endpoint.__init__

    @wraps(begin)
    def __init__(self: Any, scope: Scope, receive: Any, send: Any) -> None:  # noqa: N807 - it is one
        # Of a class and one below it that are both marked, the mark of the latter counts.
        permit(scope, getattr(type(self), _MARK))
        begin(self, scope, receive, send)

    endpoint.__init__ = __init__
    return endpoint


def _entered(endpoint: Callable[..., Any], mark: Mark) -> Callable[..., Any]:
    """The function in a wrapper of its own kind, because frameworks look at which kind it is."""
    if inspect.iscoroutinefunction(endpoint):

        @wraps(endpoint)
        async def entered(*args: Any, **kwargs: Any) -> Any:
            return await endpoint(*args, **_permitted(args, kwargs, mark))

        return entered
    if inspect.isasyncgenfunction(endpoint):

        @wraps(endpoint)
        async def flowing(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async for piece in endpoint(*args, **_permitted(args, kwargs, mark)):
                yield piece

        return flowing
    return _entered_plainly(endpoint, mark)


def _entered_plainly(endpoint: Callable[..., Any], mark: Mark) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(endpoint):

        @wraps(endpoint)
        def yielding(*args: Any, **kwargs: Any) -> Iterator[Any]:
            yield from endpoint(*args, **_permitted(args, kwargs, mark))

        return yielding

    @wraps(endpoint)
    def entered(*args: Any, **kwargs: Any) -> Any:
        return endpoint(*args, **_permitted(args, kwargs, mark))

    return entered


def _permitted(args: tuple[Any, ...], kwargs: dict[str, Any], mark: Mark) -> dict[str, Any]:
    """What the endpoint is given by name, once the gate has been asked for."""
    given = {name: value for name, value in kwargs.items() if name != _CONNECTION}
    candidates = (kwargs.get(_CONNECTION), *args, *given.values())
    connection = next((one for one in candidates if isinstance(one, HTTPConnection)), None)
    if connection is None:
        raise NotJudged(f"{mark.place}: was called by something else than a route, and there is no call to judge")
    permit(connection.scope, mark)
    return given


def _ask_for_connection(entered: Any, endpoint: Callable[..., Any]) -> None:
    """Have FastAPI hand over the connection: it looks at signatures, and Starlette does not."""
    if HTTPConnection in _annotations(endpoint):
        return
    signature = inspect.signature(endpoint)
    wanted = inspect.Parameter(_CONNECTION, inspect.Parameter.KEYWORD_ONLY, annotation=HTTPConnection)
    parameters = [*signature.parameters.values()]
    rest = [one for one in parameters if one.kind is inspect.Parameter.VAR_KEYWORD]
    named = [one for one in parameters if one.kind is not inspect.Parameter.VAR_KEYWORD]
    entered.__signature__ = signature.replace(parameters=[*named, wanted, *rest])


def _annotations(endpoint: Callable[..., Any]) -> list[Any]:
    try:
        return list(get_type_hints(endpoint).values())
    except (NameError, TypeError):
        return []
