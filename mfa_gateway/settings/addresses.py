"""Addresses of the network as a configuration writes them: where to listen, where to forward, whom to believe.

Each type here has one reading: a URL with a path where only an origin makes sense, or with a password in it, is refused
rather than cut to shape. What stays out: resolving and connecting.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema

from mfa_gateway.core.call import canonical_host

_LISTEN: Final = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*):(?P<port>[0-9]{1,5})", re.ASCII)
_HOST_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?", re.ASCII)
_LOOKS_NUMERIC: Final = re.compile(r"[0-9.]+", re.ASCII)
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_MAX_PORT: Final = 65535
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP address to listen on. `port` 0 lets the system choose; `host` is without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{_bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class HttpOrigin:
    """Scheme, host and port of a URL (RFC 6454 section 4); `host` is lower case and without brackets."""

    scheme: Literal["http", "https"]
    host: str
    port: int

    def __str__(self) -> str:
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{_bracketed(self.host)}{port}"


@dataclass(frozen=True, slots=True)
class UnixOrigin:
    """An HTTP server behind a Unix socket."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def read_listen(value: object) -> Address:
    """An address to listen on.

    Raises:
        ValueError: it is not `host:port`.
    """
    found = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be host:port, as in 127.0.0.1:8080 or [::1]:8080")
    if not found["host"]:
        raise ValueError("must name an address before the port: 127.0.0.1 for this machine only, 0.0.0.0 for everybody")
    return Address(_host(found["host"]), _port(int(found["port"])))


def _port(number: int) -> int:
    if number > _MAX_PORT:
        raise ValueError(f"the port {number} is above {_MAX_PORT}")
    return number


def _host(text: str) -> str:
    """A host name or address in its one form, without brackets."""
    if text.startswith("["):
        return _ip(text[1:-1], text).compressed
    if _LOOKS_NUMERIC.fullmatch(text):
        return _ip(text, text).compressed
    if _HOST_NAME.fullmatch(text) is None:
        raise ValueError(f"'{text}' is not the name or address of a host")
    return text.lower().removesuffix(".")


def _ip(text: str, shown: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(text)
    except ValueError:
        raise ValueError(f"'{shown}' is not an IP address") from None


def _split(value: object) -> SplitResult:
    """Split a URL after refusing what no URL of a configuration may hold. Never shown: it may hold a password."""
    if not isinstance(value, str) or not value:
        raise ValueError("must be a URL, as in http://127.0.0.1:9000")
    if not value.isprintable() or not value.isascii() or " " in value or "\\" in value:
        raise ValueError("holds a space, a backslash or a character beyond ASCII, which no URL does")
    try:
        split = urlsplit(value)
    except ValueError:
        raise ValueError("is not a URL: the part between // and the next / cannot be read") from None
    if "@" in split.netloc:
        raise ValueError("holds a user name or password, which would end up in logs: take it out of the URL")
    return split


def _origin_of(split: SplitResult) -> HttpOrigin:
    if split.scheme not in ("http", "https") or not split.netloc:
        raise ValueError("must begin with http:// or https:// and name a host")
    try:
        port = split.port
    except ValueError:
        raise ValueError(f"the port is not a number up to {_MAX_PORT}") from None
    if not split.hostname:
        raise ValueError("names no host")
    host = _host(f"[{split.hostname}]" if ":" in split.hostname else split.hostname)
    scheme: Literal["http", "https"] = "https" if split.scheme == "https" else "http"
    return HttpOrigin(scheme, host, _DEFAULT_PORTS[scheme] if port is None else port)


def read_http_origin(value: object) -> HttpOrigin:
    """An origin: `http://host:port` or `https://host`.

    Raises:
        ValueError: it is not a URL, or holds more than an origin.
    """
    split = _split(value)
    origin = _origin_of(split)
    if split.path not in ("", "/"):
        raise ValueError(f"must be an origin without a path: write {origin}, without '{split.path}'")
    if split.query or split.fragment or (isinstance(value, str) and value[-1] in "?#"):
        raise ValueError(f"must be an origin without '?' and '#': write {origin}")
    return origin


def read_upstream(value: object) -> HttpOrigin | UnixOrigin:
    """Where to forward to: an origin, or `unix:/path/to.sock`.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, str) and value.startswith("unix:"):
        path = Path(value.removeprefix("unix:").removeprefix("//"))
        if not path.is_absolute() or not value.isprintable():
            raise ValueError("must name an absolute path after unix:, as in unix:/run/app.sock")
        return UnixOrigin(path)
    return read_http_origin(value)


def read_http_url(value: object) -> str:
    """A URL that the gateway fetches or posts to, kept as it is written.

    Raises:
        ValueError: it is not an http or https URL, or holds a password or a fragment.
    """
    split = _split(value)
    _origin_of(split)
    if split.fragment:
        raise ValueError("must not hold a fragment ('#'): it never reaches the server")
    return split.geturl()


def read_network(value: object) -> IPv4Network | IPv6Network:
    """A network from a CIDR or a single address; bits after the prefix are cleared.

    Raises:
        ValueError: it is neither, or means everybody.
    """
    if not isinstance(value, str):
        raise ValueError("must be a network, as in 10.0.0.0/8")  # noqa: TRY004 - one kind of error for the reader
    try:
        network = ip_network(value.strip(), strict=False)
    except ValueError:
        raise ValueError(f"'{value}' is not a network: write an address or a CIDR, as in 10.0.0.0/8") from None
    if network.prefixlen == 0:
        raise ValueError(f"{network} means everybody, and everybody could forge these headers: list your own proxies")
    return network


def _host_name(value: str) -> str:
    if "*" in value:
        raise ValueError(f"'{value}': a host is exact, there are no wildcards: list every host")
    if "/" in value:
        raise ValueError(f"'{value}' must be a host alone, without scheme and path")
    host = canonical_host(value.encode())
    if not isinstance(host, str):
        raise ValueError(f"'{value}' is not the name of a host")  # noqa: TRY004 - the oddity is a value
    if value.lower().removesuffix(".") != host:
        raise ValueError(f"write {host} alone: hosts are compared without port")
    return host


def _header_name(value: str) -> str:
    if _HEADER_NAME.fullmatch(value) is None:
        raise ValueError(f"'{value}' is not the name of a header")
    return value.lower()


# Written as text wherever settings are shown or published.
_AS_TEXT: Final = PlainSerializer(str, return_type=str, when_used="json")

Listen = Annotated[
    Address,
    PlainValidator(read_listen),
    _AS_TEXT,
    WithJsonSchema({"type": "string", "pattern": r"^.+:[0-9]{1,5}$"}),
]
PublicUrl = Annotated[
    HttpOrigin,
    PlainValidator(read_http_origin),
    _AS_TEXT,
    WithJsonSchema({"type": "string", "pattern": "^https?://[^/?#@]+/?$"}),
]
UpstreamUrl = Annotated[
    HttpOrigin | UnixOrigin,
    PlainValidator(read_upstream),
    _AS_TEXT,
    WithJsonSchema({"type": "string", "pattern": "^(https?://[^/?#@]+/?|unix:/.+)$"}),
]
HttpUrl = Annotated[
    str, PlainValidator(read_http_url), WithJsonSchema({"type": "string", "format": "uri", "pattern": "^https?://"})
]
Network = Annotated[
    IPv4Network | IPv6Network, PlainValidator(read_network), _AS_TEXT, WithJsonSchema({"type": "string"})
]
HostName = Annotated[str, AfterValidator(_host_name)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
