"""Durations and sizes: how long and how much, as people write them.

`Duration` becomes a float number of seconds, because that is what the time-outs of asyncio and of every client take;
the core and the store count in whole milliseconds, which `milliseconds` gives. `Size` becomes a number of bytes.
What stays out: which length or size is sensible for a key (the sections say so with `within`).
"""

import math
import re
from collections.abc import Callable
from typing import Annotated, Final

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

DURATION_PATTERN: Final = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)?$"
SIZE_PATTERN: Final = r"^[0-9]+(B|KiB|MiB|GiB)?$"

_DURATION: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)?", re.ASCII)
_SIZE: Final = re.compile(r"([0-9]{1,15})(B|KiB|MiB|GiB)?", re.ASCII)


def read_duration(value: object) -> float:
    """Seconds, from `1500ms`, `10s`, `30m`, `12h`, `30d` or a number of seconds.

    Raises:
        ValueError: it is something else, or negative, or not finite.
    """
    match value:
        case bool():
            pass
        case int() | float() if 0 <= value < math.inf:
            return float(value)
        case str() if found := _DURATION.fullmatch(value.strip()):
            return float(found[1]) * _SECONDS[found[2] or "s"]
        case _:
            pass
    raise ValueError(f"{_shown(value)} is not a duration: write a number and ms, s, m, h or d, as in 30m")


def read_size(value: object) -> int:
    """Bytes, from `32KiB`, `8MiB`, `1GiB` or a number of bytes.

    Raises:
        ValueError: it is something else, or negative.
    """
    match value:
        case bool():
            pass
        case int() if value >= 0:
            return value
        case str() if found := _SIZE.fullmatch(value.strip()):
            return int(found[1]) * _BYTES[found[2] or ""]
        case _:
            pass
    raise ValueError(f"{_shown(value)} is not a size: write a number and KiB, MiB or GiB, as in 32KiB, or bytes")


def _shown(value: object) -> str:
    """What was written, where that helps and cannot be long."""
    return f"'{value}'" if isinstance(value, (str, int, float)) and len(str(value)) <= 40 else "this"  # noqa: PLR2004 - fits a line


def duration_text(seconds: float) -> str:
    """The shortest way to write a duration: `30m`, `1500ms`, `0s`."""
    for unit in ("d", "h", "m", "s"):
        if seconds == 0 or (seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0):
            return f"{int(seconds / _SECONDS[unit])}{unit if seconds else 's'}"
    return f"{milliseconds(seconds)}ms"


def size_text(size: int) -> str:
    """The shortest way to write a size: `32KiB`, `100`."""
    for unit in ("GiB", "MiB", "KiB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return str(size)


def milliseconds(seconds: float) -> int:
    """A duration in whole milliseconds, as the core and the store count."""
    return round(seconds * 1000)


Duration = Annotated[
    float,
    PlainValidator(read_duration),
    PlainSerializer(duration_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": ["string", "number"], "pattern": DURATION_PATTERN, "minimum": 0}),
]
"""A float number of seconds."""

Size = Annotated[
    int,
    PlainValidator(read_size),
    PlainSerializer(size_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": ["string", "integer"], "pattern": SIZE_PATTERN, "minimum": 0}),
]
"""A number of bytes."""


def within(shortest: str, longest: str) -> AfterValidator:
    """A duration from `shortest` to `longest`, both included."""
    return AfterValidator(_between(read_duration(shortest), read_duration(longest), f"{shortest} to {longest}"))


def sized(smallest: str, largest: str) -> AfterValidator:
    """A size from `smallest` to `largest`, both included."""
    return AfterValidator(_between(read_size(smallest), read_size(largest), f"{smallest} to {largest}"))


def _between(low: float, high: float, text: str) -> Callable[[float], float]:
    def check(value: float) -> float:
        if not low <= value <= high:
            raise ValueError(f"must be {text}")
        return value

    return check
