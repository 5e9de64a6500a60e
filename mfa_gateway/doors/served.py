"""The served protocol: a connection of a server that can stop without losing a request.

What stays out: when the server stops (stopping), and how requests are read (protocol).
"""

from mfa_gateway.doors.line import HEAD
from mfa_gateway.doors.websocket.link import Link
from mfa_gateway.doors.websocket.upgrading import UpgradableProtocol


class ServedProtocol(UpgradableProtocol):
    """A connection of such a server."""

    _is_stopping = False

    def on_headers_complete(self) -> None:
        """The head is there. Where the server is about to stop, the answer says that it is the last one."""
        super().on_headers_complete()
        if self.service.is_winding_down:
            self.cycle.keep_alive = False

    def hand_over(self, head: bytes, link: Link) -> None:
        """A handshake is answered. Where the server stops already, the socket has missed being told."""
        super().hand_over(head, link)
        if self._is_stopping:
            link.shutdown()

    def shutdown(self) -> None:
        """The server stops: what is asked is answered, and whoever is about to ask is not shut out unheard.

        A request can be on its way already, and a client whose connection ends under it must not repeat every kind.
        """
        self._is_stopping = True
        if self._phase is not HEAD:
            super().shutdown()
        elif not self._head_bytes:
            self._deadline.set(self.terms.linger)
