"""Refusal: which heads are refused before a scope exists, and the answer they get.

Pure: bytes in, a length or a `RefusedRequest` out. Whatever another server could frame, route or read differently ends
here. What stays out: sockets and time (protocol), and what an ASGI application can see for itself.
"""

from collections.abc import Iterable
from re import compile as pattern
from typing import Final

from mfa_gateway.doors.date import http_date

# RFC 9112 section 3.2.1: the origin form; anything else would be read differently by the scopes of different servers.
_ORIGIN_FORM: Final = pattern(rb"/[!-\"$-~]*")
# RFC 9110 section 8.6, bounded so that no server counts over 64 bits.
_LENGTH: Final = pattern(rb"[0-9]{1,18}")
# What decides about a body, and the one name that there has to be.
FRAMING: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"upgrade", b"expect", b"te"})

_TITLES: Final = {
    400: "Bad Request",
    405: "Method Not Allowed",
    408: "Request Timeout",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
# RFC 9110 sections 15.5.6 and 15.6.4. Which methods a resource takes is known to the application alone.
_HINTS: Final = {405: "allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n", 503: "retry-after: 1\r\n"}


class RefusedRequest(Exception):
    """A request that is answered with `status` and ends its connection. The text is for the log and holds no input."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def check_request_line(method: bytes, target: bytes, version: str) -> None:
    """Look at the first line, parsed already.

    Raises:
        RefusedRequest: it is not HTTP/1, asks for a tunnel, or its target is not in origin form.
    """
    if version not in ("1.0", "1.1"):
        raise RefusedRequest(400, "it is not HTTP/1")
    if method == b"CONNECT":
        # The parser sees no body here, whatever was announced.
        raise RefusedRequest(405, "it asks for a tunnel")
    if not _ORIGIN_FORM.fullmatch(target):
        raise RefusedRequest(400, "its target is not in origin form")


def body_length(headers: Iterable[tuple[bytes, bytes]], version: str) -> int | None:
    """How long the body is; None where its chunks tell (RFC 9112 section 6.3).

    Raises:
        RefusedRequest: the fields say it in two ways or in an unknown one, or Host is missing or there twice.
    """
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in FRAMING:
            if name in fields:
                raise RefusedRequest(400, f"the {name.decode('ascii')} header is there twice")
            fields[name] = value
    # RFC 9112 section 3.2.
    if b"host" not in fields and version != "1.0":
        raise RefusedRequest(400, "there is no host header")
    length = _length(fields.get(b"content-length"), fields.get(b"transfer-encoding"), version)
    # The parser reads such a request as one without a body, and then the body as the next request.
    if b"upgrade" in fields and length != 0:
        raise RefusedRequest(400, "it is an upgrade with a body")
    return length


def expects_continue(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the client waits for word before it sends its body (RFC 9110 section 10.1.1)."""
    return any(name == b"expect" and value.lower() == b"100-continue" for name, value in headers)


def takes_trailers(headers: Iterable[tuple[bytes, bytes]], version: str) -> bool:
    """Whether the client asks for the fields behind a body (RFC 9110 section 10.1.4)."""
    asked = (value.lower().replace(b",", b" ").split() for name, value in headers if name == b"te")
    return version == "1.1" and any(b"trailers" in words for words in asked)


def _length(length: bytes | None, coding: bytes | None, version: str) -> int | None:
    if coding is None:
        if length is None:
            return 0
        if not _LENGTH.fullmatch(length):
            raise RefusedRequest(400, "the content-length header is not a number")
        return int(length)
    # RFC 9112 section 6.1: a transfer coding in HTTP/1.0 is faulty framing.
    if length is not None or coding.lower() != b"chunked" or version == "1.0":
        raise RefusedRequest(400, "its body is framed in two ways, or in one that is not known here")
    return None


def plain_refusal(status: int, request_id: str, *, is_head: bool) -> bytes:
    """A whole answer, the last on its connection. One to HEAD has no body (RFC 9110 section 9.3.2)."""
    title = _TITLES[status]
    body = f'{{"type":"about:blank","title":"{title}","status":{status}}}'
    return (
        f"HTTP/1.1 {status} {title}\r\n"
        f"date: {http_date().decode('ascii')}\r\n"
        f"content-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\n"
        f"cache-control: no-store\r\n"
        f"x-request-id: {request_id}\r\n"
        f"{_HINTS.get(status, '')}"
        f"connection: close\r\n\r\n"
        f"{'' if is_head else body}"
    ).encode("ascii")
