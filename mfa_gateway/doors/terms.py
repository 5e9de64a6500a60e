"""The numbers of the listening side. What stays out: what happens at each of them (protocol, websocket.link)."""

from dataclasses import dataclass, field

from mfa_gateway.doors.asgi import LINGER
from mfa_gateway.doors.websocket.terms import SocketTerms


@dataclass(frozen=True, slots=True)
class ServerTerms:
    """The numbers of the listening side: bytes, counts and seconds.

    Attributes:
        head_bytes: request line and header section together; as much again for the trailers of a body.
        fields: header fields.
        target_bytes: the request target.
        connections: open connections; requests on more of them are answered with 503.
        head_timeout: from a connection's first moment to its first byte, and from a request's first byte to its head.
        body_idle: for the next piece of a body: of a request's, while we are reading, and of an answer's, to be taken.
        keep_alive: an idle connection between two requests.
        drain: requests in flight at a stop.
        linger: how long what a refused client still sends is thrown away.
        websocket: the numbers of every WebSocket.
    """

    head_bytes: int = 32_768
    fields: int = 100
    target_bytes: int = 8_192
    connections: int = 10_000
    head_timeout: float = 10.0
    body_idle: float = 30.0
    keep_alive: float = 15.0
    drain: float = 10.0
    linger: float = LINGER
    websocket: SocketTerms = field(default_factory=SocketTerms)
