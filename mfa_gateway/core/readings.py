"""Readings: every way in which a server might read a path that has more than one.

Theory. A server gets from the bytes it received to the path it routes by in steps: it takes `%2F` for a slash, merges
slashes, drops the last ones, cuts `;` parameters off. Which of these steps, and in which order, differs from server to
server, and a proxy in between may add its own. So the readings of a path are all texts that any such steps in any order
lead to: whatever a server made of them does, what it sees is among them.

    /files/a%2Fb;v=1   /files/a%2Fb;v=1   /files/a%2Fb   /files/a/b;v=1   /files/a/b

Refused in any case is what no API needs and what would lead elsewhere: dot segments, also between `;` and `%2F`;
control characters, padding, backslashes and broken or double escapes; two slashes in front in any reading, which make
the name of a host of what follows (RFC 3986 section 4.2); and paths with more readings than anybody could mean.

What stays out: which targets are odd at all (call), who takes them (routing), and which reading counts (strictest).
"""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from mfa_gateway.core.call import (
    BROKEN_ESCAPE,
    EMPTY_VALUE,
    ESCAPE,
    UNRESERVED,
    Oddity,
    OddPath,
    Reading,
    decoded_text,
)

# Stands for an encoded slash that was not decoded yet. A path cannot hold it: it is a control character.
_SLASH: Final = "\x00"

_RAW_ODDITY: Final = re.compile(rb"[\x00-\x20\x7f-\xff#?\\]")
_NAMED_BYTES: Final = {b"#": Oddity.FRAGMENT, b"\\": Oddity.BACKSLASH}
_ENCODED_SLASH: Final = re.compile(rb"%2[Ff]")
# Nobody was found to need these: a backslash, and what ends a segment or a path once it is decoded.
_OTHER_SEPARATOR: Final = re.compile(rb"%(?:5[Cc]|3[BbFf])")
_DOTS_BETWEEN: Final = re.compile(rf"[/;{_SLASH}]\.\.?(?=[/;{_SLASH}]|\Z)")
_PADDING: Final = re.compile(rf"[/{_SLASH}]\s|\s(?:[/;{_SLASH}]|\Z)")
_SLASHES: Final = re.compile("//+")
_PARAMETERS: Final = re.compile(";[^/]*")

# A path with a `//`, a `;` and a `%2F` leads to 10 texts, one with parameters in five segments to 36, and one with
# any number of `%2F` to 2. Every text costs its length, so these bound what a hostile path costs, to a millisecond.
_MOST_TEXTS: Final = 48
_LONGEST: Final = 2048
_MOST_MARKS: Final = 24
_MARK: Final = re.compile(rf"[;{_SLASH}]|//")


def odd_path(raw: bytes) -> OddPath | Oddity:
    """Read the path of a request target as received in every way, or refuse it."""
    oddity = _raw_oddity(raw)
    path = oddity if oddity is not None else _decoded(raw)
    if isinstance(path, Oddity):
        return path
    texts = _texts(path, _as_spelt(raw))
    if isinstance(texts, Oddity):
        return texts
    return OddPath(raw, tuple(dict.fromkeys(reading for text in texts for reading in _as_readings(text))))


def _raw_oddity(raw: bytes) -> Oddity | None:
    if not raw.startswith(b"/"):
        return Oddity.NOT_ORIGIN_FORM
    if found := _RAW_ODDITY.search(raw):
        return _NAMED_BYTES.get(found.group(), Oddity.RAW_BYTE)
    if BROKEN_ESCAPE.search(raw):
        return Oddity.BROKEN_ESCAPE
    return Oddity.ENCODED_SEPARATOR if _OTHER_SEPARATOR.search(raw) else None


def _decoded(raw: bytes) -> str | Oddity:
    """The path decoded once, with a mark in the place of every encoded slash."""
    text = decoded_text(raw)
    return text if isinstance(text, Oddity) else _with_marks(raw)


def _with_marks(raw: bytes) -> str:
    return unquote_to_bytes(_ENCODED_SLASH.sub(_SLASH.encode(), raw)).decode("utf-8")


def _as_spelt(raw: bytes) -> str:
    """The path for servers that decode nothing: the bytes go on as they came, so `%70` for `p` is not the same there.

    What has to be escaped is spelt alike by everybody, so it is decoded here too, as it is in the literals of rules.
    """
    return _with_marks(ESCAPE.sub(_guarded, raw))


def _guarded(found: re.Match[bytes]) -> bytes:
    return b"%25" + found.group(1) if int(found.group(1), 16) in UNRESERVED else found.group()


def _texts(path: str, spelt: str) -> tuple[str, ...] | Oddity:
    """Every text that any steps in any order lead to, the one without a step first."""
    if _DOTS_BETWEEN.search(path):
        return Oddity.DOT_SEGMENT
    if _PADDING.search(path):
        return Oddity.PADDED_SEGMENT
    if len(path) > _LONGEST or len(_MARK.findall(path)) > _MOST_MARKS:
        return Oddity.TOO_ODD
    found = dict.fromkeys((path, spelt))
    todo = list(found)
    while todo and len(found) <= _MOST_TEXTS:
        for text in _one_step_from(todo.pop()):
            if text not in found:
                found[text] = None
                todo.append(text)
    if any(text.startswith("//") for text in found):
        return Oddity.EMPTY_SEGMENT
    return Oddity.TOO_ODD if len(found) > _MOST_TEXTS else tuple(found)


def _one_step_from(text: str) -> Iterator[str]:
    """What servers do to a path: decode it (ASGI, WSGI, Go, nginx), merge slashes (nginx, Go, Envoy), drop the last
    (Express), cut what follows a `;` (Shiro), or the parameters of every segment (Tomcat), of the last (urlparse), or
    of those with a session in them (Spring). Which segments these are is not guessed here: any of them may lose theirs.
    """
    yield text.replace(_SLASH, "/")
    if "//" in text:
        yield _SLASHES.sub("/", text)
    yield text.rstrip("/") or "/"
    yield text.partition(";")[0]
    for found in _PARAMETERS.finditer(text):
        yield text[: found.start()] + text[found.end() :]


def _as_readings(text: str) -> tuple[Reading, ...]:
    """The segments of a text. An empty one is the value of `{x}` for some routers and for others none."""
    path = text[1:].removesuffix("/")
    segments = tuple(path.split("/")) if path else ()
    if _SLASH in path:
        segments = tuple(segment.replace(_SLASH, "/") for segment in segments)
    if "" not in segments:
        return (Reading(segments),)
    return Reading(segments), Reading(tuple(segment or EMPTY_VALUE for segment in segments))
