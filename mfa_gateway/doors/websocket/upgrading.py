"""Upgrading: a strict connection of HTTP that can become a WebSocket.

Every check of the strict reading is made before; what is a handshake then is offered to the application as one. When it
is accepted, the connection leaves HTTP for good: its transport gets another protocol, which counts as a connection of
the server as this one did. What stays out: reading HTTP (protocol), and the socket afterwards (link).
"""

from typing import Any

from mfa_gateway.doors.protocol import StrictProtocol
from mfa_gateway.doors.websocket.handshake import read_handshake
from mfa_gateway.doors.websocket.link import Link, LinkClosed
from mfa_gateway.doors.websocket.serving import Upgrade


class UpgradableProtocol(StrictProtocol):
    """One connection, until it is a WebSocket."""

    def on_headers_complete(self) -> None:
        """The head is there: a handshake has another application than other requests."""
        if not self.parser.should_upgrade():
            super().on_headers_complete()
            return
        handshake = read_handshake(self.parser.get_method(), self.parser.get_http_version(), self.headers)
        app = self.app
        if handshake is not None:
            upgrade: Any = Upgrade(app, handshake, self.terms.websocket, hand_over=self.hand_over)
            self.app = upgrade
        try:
            super().on_headers_complete()
        finally:
            self.app = app

    def hand_over(self, head: bytes, link: Link) -> None:
        """Answer the handshake, and leave the connection to the link, with everything that was sent ahead.

        Raises:
            LinkClosed: the client has left.
        """
        if self._exit.is_closing() or self.cycle.disconnected:
            raise LinkClosed("the client left before its handshake was answered")
        self._exit.flush()
        self._wire.write(head)
        ahead, is_congested = self._ahead, self.flow.write_paused
        self._shut()
        self._deadline.stop()
        self.flow.resume_reading()
        self.cycle.response_started = self.cycle.response_complete = True
        self.cycle.wake()
        self._let_go()
        self.server_state.total_requests += 1
        self._connections.discard(self)
        self._connections.add(link)
        link.open(self._wire, ahead, is_congested=is_congested, on_lost=self._connections.discard)
