"""Meetings: which of many patterns have a path in common, without trying each with each.

Patterns are sorted into a tree by their segments, and each is led down every branch that it could share a path with. So
ten thousand rules about different paths are compared with hardly any other. What stays out: what it means that two
rules meet (policy).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mfa_gateway.core.pattern import Part, Pattern


@dataclass(slots=True)
class _Place:
    """A place in the tree: whose patterns end here, and whose go on with `**`, by their positions."""

    literals: dict[str, "_Place"] = field(default_factory=dict)
    segment: "_Place | None" = None
    ends: list[int] = field(default_factory=list)
    rests: list[int] = field(default_factory=list)

    def child(self, part: Part) -> "_Place":
        """The place one segment further, made where there is none."""
        if isinstance(part, str):
            return self.literals.setdefault(part, _Place())
        if self.segment is None:
            self.segment = _Place()
        return self.segment

    def children(self, part: Part | None = None) -> Iterator["_Place"]:
        """The places one segment further, that this part of a pattern may lead to; None: all of them."""
        if isinstance(part, str):
            if (found := self.literals.get(part)) is not None:
                yield found
        else:
            yield from self.literals.values()
        if self.segment is not None:
            yield self.segment


def meetings(groups: Sequence[Iterable[Pattern]]) -> list[tuple[int, int]]:
    """The positions of every two groups of patterns that match some path in common, the earlier first, in order."""
    root = _Place()
    found: set[tuple[int, int]] = set()
    for position, group in enumerate(groups):
        patterns = tuple(group)
        for pattern in patterns:
            found.update((earlier, position) for earlier in _met(root, pattern, 0))
        for pattern in patterns:
            _put(root, pattern, position)
    return sorted(found)


def _put(root: _Place, pattern: Pattern, position: int) -> None:
    place = root
    for part in pattern.fixed:
        place = place.child(part)
    (place.rests if pattern.is_open_ended else place.ends).append(position)


def _met(place: _Place, pattern: Pattern, depth: int) -> Iterator[int]:
    """The positions of those that share a path with a pattern, of which so many segments led here. Some come twice."""
    if depth == len(pattern.fixed):
        yield from _below(place) if pattern.is_open_ended else (*place.ends, *place.rests)
        return
    yield from place.rests
    for child in place.children(pattern.fixed[depth]):
        yield from _met(child, pattern, depth + 1)


def _below(place: _Place) -> Iterator[int]:
    yield from place.ends
    yield from place.rests
    for child in place.children():
        yield from _below(child)
