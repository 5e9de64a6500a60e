"""The oracle of every attack: the API never saw a protected call without proof, and nothing of one caller in another.

What the API saw is read as leniently as any server might read it, so that a call which only some server takes for a
protected one counts as one. What stays out: sending anything, and which attack it was.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import unquote_to_bytes

from tests.e2e.backend import Backend
from tests.e2e.installation import Seen

PROTECTED = re.compile(r"/(?:(?:(?:api|odd)/)?protected(?:/.*)?|customers/[^/]+/password/?|feed/?)", re.DOTALL)
# What is protected for these methods alone.
_FOR_METHODS = {"PATCH": re.compile("/patched/?"), "GET": re.compile("/read/?"), "HEAD": re.compile("/read/?")}
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.\-]*://[^/?#]*", re.IGNORECASE)
_PARAMETERS = re.compile(r";[^/]*")
_OVERLONG = re.compile(rb"\xc0\xaf|\xe0\x80\xaf")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"/[!\"$-~]*")
_LENGTH = re.compile(r"[0-9]{1,18}")
# More readings than this have no path that a gateway lets through.
_MOST = 4096
# Only the gateway says these, and of a proof alone.
_OF_A_PROOF = {"x-mfa-verified", "x-mfa-method", "x-mfa-age"}
# Nobody says these to an API behind the gateway: who calls, and which method or path is meant.
# What the gateway writes, or judges: an alias of it would be a second word on the same matter.
_ITS_OWN = {
    "authorization", "connection", "content-length", "expect", "forwarded", "host", "keep-alive", "te", "trailer",
    "transfer-encoding", "upgrade", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
}  # fmt: skip
# What the gateway itself says of a prefix that it takes off.
_STRIPPED = ("x-forwarded-prefix", "/api")
_NEVER = {
    "x-mfa-code", "x-mfa-user", "x-user-id", "remote-user", "x-remote-user", "x-auth-request-user", "x-forwarded-user",
    "x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-original-uri",
    "x-rewrite-url", "x-forwarded-uri", "x-forwarded-path", "http2-settings",
}  # fmt: skip


def readings(target: str) -> set[str]:
    """Every path that a server might make of a target, by any of its habits in any order."""
    # What follows a raw "#" or "?" is no path for anybody; "%23" is data, and nobody cuts a path twice.
    found = {_ABSOLUTE.sub("", re.split(r"[?#]", target)[0], count=1) or "/"}
    todo = list(found)
    while todo and len(found) < _MOST:
        for text in _one_habit(todo.pop()):
            if text not in found:
                found.add(text)
                todo.append(text)
    return found


def _one_habit(path: str) -> Iterator[str]:
    decoded = unquote_to_bytes(path.encode("latin-1", "replace"))
    yield decoded.decode("latin-1")
    yield _OVERLONG.sub(b"/", decoded).decode("latin-1")
    yield path.replace("\\", "/")
    yield re.sub("//+", "/", path)
    yield path.partition(";")[0]
    yield _PARAMETERS.sub("", path)
    yield path.rstrip("\x00\t\r\n ")
    yield path.partition("\x00")[0]
    yield _resolved(path)


def _resolved(path: str) -> str:
    """RFC 3986 section 5.2.4."""
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept)


def is_protected(target: str, method: str = "POST") -> bool:
    """Whether some server takes this for a call that asks for a second factor."""
    patterns = [PROTECTED, *(pattern for name, pattern in _FOR_METHODS.items() if name == method.upper())]
    return any(pattern.fullmatch(reading) for pattern in patterns for reading in readings(target))


def faults(api: Backend, proved: Collection[str] = ()) -> list[str]:
    """What the API saw and should not have. `proved`: the Authorization values of those who have shown a factor."""
    return [f"{fault}: {seen.method} {seen.target}" for seen in api.heads for fault in _of(seen, proved)]


def _of(seen: Seen, proved: Collection[str]) -> Iterator[str]:
    if not _TARGET.fullmatch(seen.target):
        yield "a target that has more than one reading"
    protected = is_protected(seen.target, seen.method)
    shown = seen.values("authorization")
    if protected and (len(shown) != 1 or shown[0] not in proved):
        yield "a protected call without proof"
    if protected and seen.values("x-mfa-verified") != ["true"]:
        yield "a protected call that does not say how it was proved"
    yield from _names(seen.headers, may_be_proved=protected)
    yield from _framing(seen)


def _names(fields: Iterable[tuple[str, str]], *, may_be_proved: bool) -> Iterator[str]:
    for name, value in fields:
        folded = re.sub(r"[^a-z0-9]", "-", name.lower())
        if folded == "x-forwarded-prefix" and (name, value) != _STRIPPED:
            yield f"a prefix that the client has written ({value})"
        if folded in _NEVER or (folded in _OF_A_PROOF and not (may_be_proved and folded == name)):
            yield f"a field that the client must not set ({name})"
        if name not in _ITS_OWN and re.sub("[^a-z0-9]", "-", name.lower()) in _ITS_OWN:
            yield f"an alias of a field that the gateway writes or judges ({name})"
        if not _TOKEN.fullmatch(name) or re.search("[\x00\r\n]", value):
            yield f"a field that is none ({name!r})"


def _framing(seen: Seen) -> Iterator[str]:
    lengths, codings = seen.values("content-length"), seen.values("transfer-encoding")
    if len(lengths) + len(codings) > 1:
        yield "a body that is framed twice"
    if any(not _LENGTH.fullmatch(length) for length in lengths) or any(coding != "chunked" for coding in codings):
        yield "a body that is framed oddly"
    if any(protocol.lower() != "websocket" for protocol in seen.values("upgrade")) or len(seen.values("host")) != 1:
        yield "an upgrade or a host that nobody judged"
