"""Calls: the one place where a request target gets its meaning.

Theory. A gate is got round where the gate and the application read one target in two ways. So a target is read here,
once, and whatever a real server might read differently is refused instead of guessed: dot segments, encoded or doubled
separators, parameters, control bytes, padding, broken or double escapes, bytes that are not UTF-8. What is left has
one reading, kept in two forms that belong together: `segments`, decoded, for the policy, and `wire`, the RFC 3986
section 6.2.2 normal form of the same path, which is what is forwarded. Reading `wire` again gives the same path (a
fixed point).

Some applications need `a%2Fb`, `;v=1` or `//`. Where an operator says so, such a path is an `OddPath` instead: every
reading that a server might have (readings), all of which are judged, and the bytes as they came.

What stays out: headers beyond those that name the caller and the code, routing, and anything that knows a rule.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, final
from urllib.parse import unquote_to_bytes

# RFC 3986 section 3.3, pchar, without "%" (needs decoding) and ";" (path parameters: two readings).
_PCHAR: Final = rb"A-Za-z0-9\-._~!$&'()*+,=:@"
_PLAIN_PATH: Final = re.compile(rb"/|(?:/[" + _PCHAR + rb"]+)+/?")
_NOT_PCHAR: Final = re.compile(rb"[^/%" + _PCHAR + rb"]")
ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_RAW_ODDITY: Final = re.compile(rb"[\x00-\x20\x7f-\xff#?;\\]")
# "/" and "\" separate segments for some servers once decoded, ";" and "?" end them. "%23" stays plain data.
_ENCODED_SEPARATOR: Final = re.compile(rb"%(?:2[Ff]|5[Cc]|3[BbFf])")
# Unicode's category Cc is C0, DEL and C1; no other character ever joins (Unicode stability policy).
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_SECOND_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_BAD_QUERY: Final = re.compile(rb"[\x00-\x20\x7f-\xff#]")
# RFC 3986 section 3.2.2 as far as HTTP uses it: a registered name, an IPv4 address, or an IPv6 literal; then a port.
_HOST: Final = re.compile(
    rb"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])\.?(?::[0-9]{0,5})?"
)


class Oddity(Enum):
    """Why a target, query or host was refused: it has more than one reading, or none."""

    NOT_ORIGIN_FORM = "the target does not begin with a slash"
    RAW_BYTE = "the target holds a byte that has to be percent-encoded"
    FRAGMENT = "the target holds a fragment"
    PARAMETERS = "the path holds ';' parameters"
    BACKSLASH = "the path holds a backslash"
    BROKEN_ESCAPE = "a percent sign is not followed by two hexadecimal digits"
    ENCODED_SEPARATOR = "a separator is percent-encoded"
    DOUBLE_ENCODED = "the path is percent-encoded twice"
    NOT_UTF8 = "the decoded path is not UTF-8"
    CONTROL = "the decoded path holds a control character"
    EMPTY_SEGMENT = "the path holds an empty segment"
    DOT_SEGMENT = "the path holds a dot segment"
    PADDED_SEGMENT = "a segment begins or ends with white space"
    TOO_ODD = "the path has more readings than anybody could mean"
    MALFORMED_QUERY = "the query holds a byte that has to be percent-encoded"
    MALFORMED_HOST = "the host is missing or malformed"


@dataclass(frozen=True, slots=True)
class CanonicalPath:
    """A path with one reading: `segments` are decoded and never empty, `wire` is ASCII and is what is forwarded.

    A final slash is kept in `wire` and does not count in `segments`: `/p` and `/p/` are judged alike.
    """

    wire: bytes
    segments: tuple[str, ...]

    def __str__(self) -> str:
        return self.wire.decode("ascii")


# What an empty segment is for routers that take it for the value of `{x}`. No literal of a rule equals it.
EMPTY_VALUE: Final = "\x00"


@dataclass(frozen=True, slots=True)
class Reading:
    """One of the ways to read an odd path. Unlike those of a canonical path, a segment may be empty or hold anything.

    As a text, for people, a slash inside of a segment stays encoded, and an empty value shows as `{}`.
    """

    segments: tuple[str, ...]

    def __str__(self) -> str:
        return "/" + "/".join(part.replace("/", "%2F").replace(EMPTY_VALUE, "{}") for part in self.segments)


@dataclass(frozen=True, slots=True)
class OddPath:
    """A path with several readings. `wire` is what was received and what is forwarded; no reading is preferred."""

    wire: bytes
    readings: tuple[Reading, ...]

    def __str__(self) -> str:
        return self.wire.decode("ascii")


def canonical_path(raw: bytes) -> CanonicalPath | Oddity:
    """Read the path of a request target as received, without its query."""
    if _PLAIN_PATH.fullmatch(raw) and b"/." not in raw:
        return CanonicalPath(raw, _split(raw.decode("ascii")))
    oddity = _raw_oddity(raw)
    return oddity if oddity is not None else _decoded_path(raw)


def _split(path: str) -> tuple[str, ...]:
    return tuple(path.strip("/").split("/")) if path != "/" else ()


def _raw_oddity(raw: bytes) -> Oddity | None:
    if not raw.startswith(b"/"):
        return Oddity.NOT_ORIGIN_FORM
    if found := _RAW_ODDITY.search(raw):
        return _NAMED_BYTES.get(found.group(), Oddity.RAW_BYTE)
    if BROKEN_ESCAPE.search(raw):
        return Oddity.BROKEN_ESCAPE
    return Oddity.ENCODED_SEPARATOR if _ENCODED_SEPARATOR.search(raw) else None


_NAMED_BYTES: Final = {b"#": Oddity.FRAGMENT, b";": Oddity.PARAMETERS, b"\\": Oddity.BACKSLASH}


def _decoded_path(raw: bytes) -> CanonicalPath | Oddity:
    text = decoded_text(raw)
    return text if isinstance(text, Oddity) else _segmented_path(raw, text)


def decoded_text(raw: bytes) -> str | Oddity:
    """A path decoded once, if it is text then, without control characters and with nothing left to decode."""
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return Oddity.NOT_UTF8
    if _CONTROL.search(text):
        return Oddity.CONTROL
    return Oddity.DOUBLE_ENCODED if _SECOND_ESCAPE.search(text) else text


def _segmented_path(raw: bytes, text: str) -> CanonicalPath | Oddity:
    segments = text[1:].removesuffix("/").split("/") if text != "/" else []
    if "" in segments:
        return Oddity.EMPTY_SEGMENT
    if "." in segments or ".." in segments:
        return Oddity.DOT_SEGMENT
    # Some routers take `/p%20` for `/p` (CVE-2016-5007).
    if any(segment != segment.strip() for segment in segments):
        return Oddity.PADDED_SEGMENT
    return CanonicalPath(_normal_form(raw), tuple(segments))


def _normal_form(raw: bytes) -> bytes:
    """RFC 3986 section 6.2.2: escapes of unreserved characters decoded, the others in upper case."""
    quoted = _NOT_PCHAR.sub(lambda found: b"%%%02X" % found.group()[0], raw)
    return ESCAPE.sub(_normal_escape, quoted)


def _normal_escape(found: re.Match[bytes]) -> bytes:
    byte = int(found.group(1), 16)
    return bytes((byte,)) if byte in UNRESERVED else b"%%%02X" % byte


def canonical_query(raw: bytes) -> bytes | Oddity:
    """Accept a query string as it is, or refuse it: it is forwarded, never judged, so it only must not end early."""
    return Oddity.MALFORMED_QUERY if _BAD_QUERY.search(raw) else raw


def canonical_host(raw: bytes) -> str | Oddity:
    """Read a Host value: lower case, without its port and a final dot (RFC 9110 section 7.2)."""
    found = _HOST.fullmatch(raw)
    return found["host"].decode("ascii").lower() if found else Oddity.MALFORMED_HOST


@final
@dataclass(slots=True, unsafe_hash=True, init=False, repr=False)
class Call:
    """One request to judge. A door makes it; nothing about it changes afterwards.

    Final to the type checker and not frozen, and made by hand, because one is made per request: it costs a twentieth.

    Attributes:
        method: as received; methods are compared with case (RFC 9110 section 9.1).
        path: the canonical path, or an odd one where the upstream takes such.
        host: the canonical host, or "" where the peer sent none.
        query: the query as received, without the question mark.
        client: the address of the peer, or of the client as a trusted proxy tells it.
        peer: the address at the other end of the connection, whatever any header says; "" where there is none.
        authorization: the only Authorization value.
        code: the only X-MFA-Code value; an empty one counts as missing.
        headers: every field as received, names in lower case; trailers are not among them.
        request_id: names this call in answers and logs.
        foreign_page: on a WebSocket handshake, the origin of the page behind it where that is nobody's here; else "".
    """

    method: Final[str]
    path: Final[CanonicalPath | OddPath]
    host: Final[str]
    query: Final[bytes]
    client: Final[str]
    peer: Final[str]
    authorization: Final[str | None]
    code: Final[str | None]
    headers: Final[tuple[tuple[bytes, bytes], ...]]
    request_id: Final[str]
    foreign_page: Final[str]

    def __init__(  # noqa: PLR0917 - a value, written out as a dataclass would
        self,
        method: str,
        path: CanonicalPath | OddPath,
        host: str = "",
        query: bytes = b"",
        client: str = "",
        peer: str = "",
        authorization: str | None = None,
        code: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        request_id: str = "",
        foreign_page: str = "",
    ) -> None:
        self.method = method
        self.path = path
        self.host = host
        self.query = query
        self.client = client
        self.peer = peer
        self.authorization = authorization
        self.code = code
        self.headers = headers
        self.request_id = request_id
        self.foreign_page = foreign_page

    def __repr__(self) -> str:
        """Which call it is, without what it brings: tokens, codes and queries are nobody's to read."""
        return f"Call({self.method} {self.path} host={self.host!r} peer={self.peer!r} request_id={self.request_id!r})"
