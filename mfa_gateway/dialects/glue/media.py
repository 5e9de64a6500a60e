"""Media types: which bodies are read as JSON:API, and in which type an answer is written.

Both types of the interface hold the same bytes. Reading is closed: a body under any other type is refused, or any web
page could post one as a plain form, and so is a parameter that could change what the body means. Writing is forgiving:
an Accept value is a wish, and a refusal that nobody accepts still has to be written.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

JSON: Final = "application/json"
JSON_API: Final = "application/vnd.api+json"

# `charset=utf-8` says what JSON is anyway (RFC 8259 section 8.1). A profile may be ignored, an `ext` that is not spoken
# has to be refused (JSON:API 1.1, "Server Responsibilities"), and so is every other parameter. A lone ";" is correct
# (RFC 9110 section 5.6.6). Possessive throughout: the time to refuse is linear in the length.
_READABLE: Final = re.compile(
    r"[ \t]*+application/(?:vnd\.api\+)?+json"
    r'(?:[ \t]*+;[ \t]*+(?:charset=(?:utf-8|"utf-8")|profile="[^"\\]*+")?+)*+[ \t]*+',
    re.ASCII | re.IGNORECASE,
)
# A parameter may hide commas and semicolons in quotes; an unclosed quote hides the rest.
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?+', re.DOTALL)
# RFC 9110 section 12.4.2: 0 to 1 with up to three decimals.
_QUALITY: Final = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


def is_readable(content_type: str) -> bool:
    """Whether a body under this Content-Type value is read."""
    return _READABLE.fullmatch(content_type) is not None


def answer_type(accept: str) -> str:
    """The type to answer in: JSON_API where the Accept value prefers it, or names it and likes it as much as JSON.

    The most specific range that fits a type decides (RFC 9110 section 12.5.1). Parameters other than `q` do not count.
    """
    wishes = _wishes(accept)
    json_api, plain = _quality_of(JSON_API, wishes), _quality_of(JSON, wishes)
    if json_api > plain or (JSON_API in wishes and json_api == plain > 0):
        return JSON_API
    return JSON


def _wishes(accept: str) -> Mapping[str, float]:
    wishes: dict[str, float] = {}
    for wish in _QUOTED.sub("", accept).split(","):
        media_range, *parameters = (part.strip().lower() for part in wish.split(";"))
        wishes[media_range] = max(wishes.get(media_range, 0.0), _quality(parameters))
    return wishes


def _quality(parameters: Iterable[str]) -> float:
    """1 where nothing is said; what cannot be read is no wish."""
    weight = next((parameter for parameter in parameters if parameter.startswith("q=")), "q=1")
    found = _QUALITY.fullmatch(weight)
    return float(found[1]) if found else 0.0


def _quality_of(media_type: str, wishes: Mapping[str, float]) -> float:
    return next((wishes[fitting] for fitting in (media_type, "application/*", "*/*") if fitting in wishes), 0.0)
