"""Where an upstream is, and on which terms it is spoken to.

For: reading `upstream: http://host:port/prefix` into a value, once, with errors a person can act on.
Not here: connecting (`pool`), and choosing between several upstreams (`choosing`; one `Upstream` has one origin).
"""

import dataclasses
import enum
import ipaddress
import math
import re
import urllib.parse
from typing import Self

from mfa_gateway.doors.peers import Network
from mfa_gateway.doors.websocket.terms import SocketTerms

_MAX_PORT = 65_535
# Names as they are written in /etc/hosts and compose files; stricter than DNS on length, looser on "_".
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?")
# Segments that read the same encoded and decoded (RFC 3986 section 2.3), so a prefix has one reading.
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*")


class Scheme(enum.Enum):
    """How to speak to an origin."""

    HTTP = "http"
    HTTPS = "https"
    UNIX = "unix"
    """HTTP over a Unix socket, on this machine."""


# RFC 9110 sections 4.2.1 and 4.2.2
_DEFAULT_PORTS = {Scheme.HTTP: 80, Scheme.HTTPS: 443}


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """One upstream server: scheme, host, port and the path under which it serves what clients ask of us.

    `host` is a name or an address without brackets; `prefix` is empty or `/segment[/segment…]`, without a final slash.
    For a Unix socket, `host` is its absolute path, and there is neither port nor prefix.
    """

    scheme: Scheme
    host: str
    port: int
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read an origin from `http://host[:port][/prefix]`, the same with `https`, or `unix:/path/to.sock`.

        Raises:
            ValueError: the text is not understood; the message says what is wrong and what to write instead.
        """
        scheme = _scheme(url)
        if scheme is Scheme.UNIX:
            return cls(scheme, _socket_path(url), 0)
        if "@" in url:  # first of all, so that no other message repeats a password
            raise ValueError("upstream: a user name or password in the URL is not understood; remove it")
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ValueError(
                f"upstream {url!r}: only printable ASCII is understood; write host names in their ASCII form"
            )
        parts = _split(url)
        if parts.query or parts.fragment or url.endswith(("?", "#")):
            raise ValueError(f"upstream {url!r}: a query or fragment is not understood; remove it")
        return cls(scheme, _host(url, parts), _port(url, parts, _DEFAULT_PORTS[scheme]), _prefix(url, parts))

    @property
    def authority(self) -> bytes:
        """The origin as a Host field names it (RFC 9110 section 7.2)."""
        if self.scheme is Scheme.UNIX:
            return b"localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}").encode("ascii")


def _scheme(url: str) -> Scheme:
    scheme, colon, _ = url.partition(":")
    try:
        return Scheme(scheme.lower() if colon else "")
    except ValueError:
        raise ValueError(
            "upstream: the URL begins with none of http://, https:// and unix:; write http://host:port"
        ) from None


def _socket_path(url: str) -> str:
    path = url.partition(":")[2]
    if not path.startswith("/") or path.startswith("//") or not path.isprintable():
        raise ValueError(f"upstream {url!r}: write unix: and the absolute path of a socket, as in unix:/run/api.sock")
    return path


def _split(url: str) -> urllib.parse.SplitResult:
    try:
        return urllib.parse.urlsplit(url)
    except ValueError as error:
        raise ValueError(f"upstream {url!r}: {error}; write http://host:port") from None


def _host(url: str, parts: urllib.parse.SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        return str(ipaddress.IPv6Address(host))
    if not _HOST_NAME.fullmatch(host):
        raise ValueError(f"upstream {url!r}: there is no host name or address in it; write http://host:port")
    return host


def _port(url: str, parts: urllib.parse.SplitResult, default: int) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port is None and not parts.netloc.endswith(":"):
        return default
    if not port or port > _MAX_PORT:
        raise ValueError(f"upstream {url!r}: the port is not a number from 1 to {_MAX_PORT}")
    return port


def _prefix(url: str, parts: urllib.parse.SplitResult) -> str:
    prefix = parts.path.removesuffix("/")
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"upstream {url!r}: the path must be plain segments of letters, digits and '-._~'")
    return prefix


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How an origin is spoken to. Times are seconds and greater than zero.

    `connect` bounds name look-up and connecting together. `first_byte` runs from the last byte of the request to the
    end of the answer's head; interim answers (1xx) do not extend it. `body_idle` is the longest pause in the upstream's
    answer, and in its taking of a request. `keep_alive` is how long an unused connection is kept, `max_idle` how many.
    `preserve_host` forwards the client's Host; otherwise the origin's own name is sent. Peers inside `trusted_proxies`
    are believed about `X-Forwarded-For`, `-Proto` and `-Host`. `stripped_prefix` is what was taken off every path, in
    its canonical form; the upstream is told of it in `X-Forwarded-Prefix`. `websocket` are a WebSocket's numbers.
    """

    connect: float = 3.0
    first_byte: float = 60.0
    body_idle: float = 30.0
    # Below the 5 s after which Node and uvicorn close an unused connection, so that we close first.
    keep_alive: float = 4.0
    max_idle: int = 64
    preserve_host: bool = True
    stripped_prefix: str = ""
    trusted_proxies: tuple[Network, ...] = ()
    websocket: SocketTerms = dataclasses.field(default_factory=SocketTerms)

    def __post_init__(self) -> None:
        """Refuse what would mean "never" or "at once".

        Raises:
            ValueError: a time is not a finite number above zero, or `max_idle` is negative.
        """
        for name in ("connect", "first_byte", "body_idle", "keep_alive"):
            seconds: float = getattr(self, name)
            if not (math.isfinite(seconds) and seconds > 0):
                raise ValueError(f"upstream terms: {name} is {seconds!r}; give a number of seconds above zero")
        if self.max_idle < 0:
            raise ValueError(f"upstream terms: max_idle is {self.max_idle}; give zero or more")
