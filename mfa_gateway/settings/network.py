"""The sections about the wire: the upstreams, time-outs, limits, TLS, cross-origin answers, readiness.

What stays out: everything about callers and factors.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mfa_gateway.settings.access import Prefix
from mfa_gateway.settings.addresses import HostName, Listen, PublicUrl, UpstreamUrl
from mfa_gateway.settings.durations import Duration, Size, sized, within
from mfa_gateway.settings.files import ReadableFile
from mfa_gateway.settings.section import Bool, Int, Section, Text


class UpstreamTls(Section):
    """How to trust a TLS upstream, and how to be trusted by it."""

    ca: ReadableFile | None = None
    """File with the certificates to trust instead of the system's."""
    server_name: Text | None = None
    """Name to ask for and to find in the certificate, where it differs from the URL's host."""
    client_cert: ReadableFile | None = None
    """File with our certificate, for upstreams that ask for one."""
    client_key: ReadableFile | None = None
    """File with the key of our certificate."""


class Upstream(Section):
    """One server behind the gateway."""

    url: UpstreamUrl
    """Where to forward: http://host:port, https://host:port or unix:/path/to.sock, without a path."""
    host: HostName | None = None
    """Only calls for this host go here. None: every host."""
    prefix: Prefix | None = None
    """Only calls whose path begins with this, in whole segments, go here. None: every path."""
    preserve_host: Bool = True
    """Hand the Host header on as the client sent it; false sends the upstream's own."""
    strip_prefix: Bool = False
    """Take the prefix off before forwarding; X-Forwarded-Prefix tells it. Rules see the whole path."""
    odd_targets: Literal["refuse", "strictest"] = "refuse"
    """Paths with %2F, // or ; in them: refuse them, or judge every reading and let the strictest verdict count."""
    tls: UpstreamTls | None = None
    """For https upstreams."""


def _one_url_is_a_list_of_one(value: object) -> object:
    return [{"url": value}] if isinstance(value, str) else value


Upstreams = Annotated[
    tuple[Upstream, ...],
    BeforeValidator(_one_url_is_a_list_of_one, json_schema_input_type=UpstreamUrl | tuple[Upstream, ...]),
]


class Tls(Section):
    """TLS on the gateway's own listener."""

    cert: ReadableFile
    """File with the certificate and its chain, PEM."""
    key: ReadableFile
    """File with the private key, PEM."""


Wait = Annotated[Duration, within("1ms", "1h")]


class Timeouts(Section):
    """How long the gateway waits for others."""

    head: Wait = 10.0
    """For a client to finish the header section of a request (else 408)."""
    body_idle: Wait = 30.0
    """Between two pieces of a request body (else 408)."""
    keep_alive: Wait = 15.0
    """For the next request on a client's connection."""
    connect: Wait = 3.0
    """For a connection to the upstream (else 502)."""
    first_byte: Wait = 60.0
    """For the upstream to begin its answer (else 504)."""
    drain: Annotated[Duration, within("0s", "1h")] = 10.0
    """From being told to stop to having stopped: the notice, and the requests in flight."""
    notice: Annotated[Duration, within("0s", "1h")] = 1.0
    """Where there is ops_listen: how long calls are still taken while /readyz says no, so that balancers notice."""


class Limits(Section):
    """How much the gateway takes from clients."""

    connections: Annotated[Int, Field(ge=1, le=1_000_000)] = 10_000
    """Open connections at a time."""
    head: Annotated[Size, sized("1KiB", "1MiB")] = 32 * 1024
    """Header section of a request, with its target (else 431)."""
    fields: Annotated[Int, Field(ge=1, le=10_000)] = 100
    """Header fields of a request (else 431)."""
    target: Annotated[Size, sized("64", "1MiB")] = 8 * 1024
    """Target of a request: path and query (else 414)."""


class ExtAuthz(Section):
    """The decision service for Envoy: ext_authz over gRPC. Needs the extra `grpc`; speaks without TLS."""

    listen: Listen
    """Where Envoy asks. Only peers in trusted_proxies are answered."""
    timeout: Annotated[Duration, within("10ms", "1m")] = 0.15
    """How long an answer may take, and never more than three quarters of the time that Envoy gives it (its `timeout`,
    200ms by default). Then the store counts as away."""


class WebSocket(Section):
    """WebSockets, to clients and to upstreams alike. A handshake is judged like any call."""

    message: Annotated[Size, sized("1KiB", "64MiB")] = 1024 * 1024
    """One message, its fragments together (else the socket is closed with 1009)."""
    queue: Annotated[Int, Field(ge=1, le=1024)] = 16
    """Messages that may wait for a slow reader, or one message's worth of bytes; then their sender is not read."""
    ping: Annotated[Duration, within("100ms", "1h")] = 20.0
    """How long a peer may be silent before it is asked whether it is still there."""
    ping_timeout: Annotated[Duration, within("100ms", "1h")] = 20.0
    """How long it may take to answer."""


class Cors(Section):
    """Cross-origin answers for browsers: preflights, ceremonies and the gateway's own refusals."""

    origins: tuple[PublicUrl, ...] = ()
    """Origins whose pages may read our answers, and open WebSockets on protected routes. None: the policy decides over
    OPTIONS like over any method, and such pages are our own alone."""
    credentials: Bool = False
    """Whether browsers may send cookies along."""
    max_age: Annotated[Duration, within("0s", "1d")] = 600.0
    """How long a browser may remember a preflight."""


class Health(Section):
    """What `/readyz` means."""

    ready_needs: tuple[Literal["store"], ...] = ()
    """What must be well besides for the gateway to call itself ready. None: configuration loaded and listening."""
