"""Path patterns: how a rule says which paths it is about.

A pattern is judged segment by segment against a canonical path. What stays out: which of two matching patterns wins
(policy), and where patterns are written down (settings).
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from mfa_gateway.core.call import CanonicalPath, Oddity, canonical_path

# What people type in a configuration and a request target cannot hold: spaces and letters beyond ASCII.
_TO_ESCAPE: Final = re.compile(rb"[\x20\x80-\xff]")


class Wild(Enum):
    """The parts of a pattern that match more than one text."""

    SEGMENT = "{}"
    REST = "**"


Part = str | Wild


@dataclass(frozen=True, slots=True)
class Pattern:
    """A path pattern: literal segments, `{x}` for exactly one segment, and `**` at the end for none or more."""

    parts: tuple[Part, ...]

    @property
    def is_open_ended(self) -> bool:
        """Whether the pattern ends in `**`."""
        return bool(self.parts) and self.parts[-1] is Wild.REST

    @property
    def fixed(self) -> tuple[Part, ...]:
        """The parts before `**`."""
        return self.parts[:-1] if self.is_open_ended else self.parts

    def __str__(self) -> str:
        return "/" + "/".join(_part_text(part) for part in self.parts)


def _part_text(part: Part) -> str:
    match part:
        case Wild.SEGMENT:
            return "{x}"
        case Wild.REST:
            return "**"
        case _:
            return part


def read_pattern(text: str) -> Pattern | str:
    """Read a path pattern as the configuration writes it, or say in a sentence what is wrong with it.

    Literal segments are written decoded or percent-encoded; both mean the same canonical segment.
    """
    if not text.startswith("/"):
        return "a path begins with a slash"
    raw = text[1:].removesuffix("/").split("/") if text != "/" else []
    parts: list[Part] = []
    for index, segment in enumerate(raw):
        part = _read_part(segment)
        if part is None:
            return _segment_problem(segment)
        if part is Wild.REST and index != len(raw) - 1:
            return "'**' stands for the rest of the path, so nothing can follow it"
        parts.append(part)
    return Pattern(tuple(parts))


def _read_part(segment: str) -> Part | None:
    if segment == "**":
        return Wild.REST
    if segment.startswith("{") and segment.endswith("}"):
        return Wild.SEGMENT if segment[1:-1].replace("_", "").replace("-", "").isalnum() else None
    if "*" in segment or "{" in segment or "}" in segment:
        return None
    match canonical_path(_as_target(segment)):
        case CanonicalPath(segments=(only,)):
            return only
        case _:
            return None


def _as_target(segment: str) -> bytes:
    return b"/" + _TO_ESCAPE.sub(lambda found: b"%%%02X" % found.group()[0], segment.encode("utf-8", "surrogatepass"))


def _segment_problem(segment: str) -> str:
    if "*" in segment or "{" in segment or "}" in segment:
        return f"'{segment}' is neither a literal segment nor '{{name}}' (one segment) nor '**' (the rest)"
    reading = canonical_path(_as_target(segment))
    why = reading.value if isinstance(reading, Oddity) else "it is not one segment"
    return f"the segment '{segment}' can never match: {why}"
