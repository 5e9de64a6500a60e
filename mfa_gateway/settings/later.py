"""Later: what the configuration can already say and this version does not do yet.

Such a key has its type and its place in the published schema, and whoever asks for it is told so instead of being
ignored. This table is all there is to it: to support something, delete its line.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mfa_gateway.settings.problems import Place, Problem, problem_at

Asks = Callable[[object], bool]


@dataclass(frozen=True, slots=True)
class Later:
    """One thing that is not supported yet.

    Attributes:
        key: where, with `[]` for every entry of a list.
        asks: whether a written value asks for it.
        instead: what to do until then.
    """

    key: str
    asks: Asks
    instead: str = "leave it out"


def _switched_on(value: object) -> bool:
    return value is True


def _begins(*beginnings: str) -> Asks:
    return lambda value: isinstance(value, str) and value.startswith(beginnings)


_STORES: Final = "use embedded, redis://, rediss://, unix:// or memory://"

LATER: Final = (Later("store.url", _begins("redis+sentinel:", "redis+cluster:"), _STORES),)


def not_yet(tree: Mapping[str, object]) -> Iterator[Problem]:
    """Everything written in a tree that asks for what is not supported yet."""
    for later in LATER:
        for place, value in _found(tree, tuple(later.key.replace("[]", ".[]").split(".")), ()):
            if later.asks(value):
                yield problem_at(place, f"not supported yet: {later.key}; {later.instead}")


def _found(value: object, way: tuple[str, ...], place: Place) -> Iterator[tuple[Place, object]]:
    match value, way:
        case _, ():
            yield place, value
        case list(), ("[]", *rest):
            for index, item in enumerate(value):
                yield from _found(item, tuple(rest), (*place, index))
        case {**keys}, (key, *rest) if key in keys:
            yield from _found(keys[key], tuple(rest), (*place, key))
        case _:
            pass
