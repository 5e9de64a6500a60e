"""Languages: what a client prefers to read.

What stays out: which languages there are texts in (senders).
"""

import re
from typing import Final

# Browsers send a dozen ranges at most. Whoever sends more is not choosing a language.
MAX_HEADER: Final = 256
MAX_PREFERENCES: Final = 10

# RFC 9110 section 12.5.4: a language range (RFC 4647 section 2.1) and its weight (RFC 9110 section 12.4.2).
_PREFERENCE: Final = re.compile(
    r"[ \t]*(?P<tag>[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)"
    r"(?:[ \t]*;[ \t]*[qQ]=(?P<weight>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*",
    re.ASCII,
)


def preferred_languages(header: str) -> tuple[str, ...]:
    """Read an Accept-Language value: at most `MAX_PREFERENCES` language tags as written, the most wanted first.

    Equal weights keep their order, a weight of 0 means "not this", `*` says nothing, and what cannot be read is left
    out. Of a value longer than `MAX_HEADER` characters only the beginning is read.
    """
    weighted = [preference for item in _items(header) if (preference := _preference(item)) is not None]
    weighted.sort(key=lambda preference: preference[0], reverse=True)
    tags = dict.fromkeys(tag for weight, tag in weighted if weight > 0)
    return tuple(tags)[:MAX_PREFERENCES]


def _items(header: str) -> list[str]:
    """The comma-separated items; one that was cut in the middle would read as another language."""
    if len(header) <= MAX_HEADER:
        return header.split(",")
    return header[:MAX_HEADER].split(",")[:-1]


def _preference(item: str) -> tuple[float, str] | None:
    found = _PREFERENCE.fullmatch(item)
    return (float(found["weight"] or 1), found["tag"]) if found else None
