"""What a target is: where its inputs come from, and what must hold of each of them.

What stays out: the bounds on time and memory (watch), and how many inputs are tried (whoever runs it).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that reads what strangers write.

    Attributes:
        name: what it is asked for by.
        inputs: where inputs come from.
        check: raises when something does not hold of an input, whatever it raises.
        examples: how many inputs the suite tries; each target gets some two seconds there.
        weighs: whether its memory is bounded by measuring it.
        prepare: done once before, without a bound.
    """

    name: str
    inputs: SearchStrategy[Any]
    check: Callable[[Any], None]
    examples: int = 500
    weighs: bool = False
    prepare: Callable[[], object] | None = None
