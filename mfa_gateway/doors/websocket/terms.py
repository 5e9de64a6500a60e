"""The numbers of a WebSocket, on either side of the gateway. What stays out: what happens at each of them (link)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SocketTerms:
    """How a WebSocket is spoken. Times are seconds.

    Attributes:
        message: bytes of one message, its fragments together; what is larger ends the socket with 1009.
        queue: messages that may wait in one direction; then nothing more is read from their sender.
        ping: how long a peer may be silent before it is asked whether it is there.
        ping_timeout: how long it may take to answer; and, with `ping`, how long it may take nothing of what is sent.
    """

    message: int = 1024 * 1024
    queue: int = 16
    ping: float = 20.0
    ping_timeout: float = 20.0
