"""The post office: every factor has its own way to travel.

What stays out: how any of them travels.
"""

from collections.abc import Mapping
from typing import Protocol

from mfa_gateway.core.account import Factor
from mfa_gateway.core.fault import DeliveryFailed
from mfa_gateway.core.message import CodeMessage, NoticeMessage


class Sender(Protocol):
    """One way to travel."""

    async def send(self, message: CodeMessage) -> None:
        """Hand a message over within a deadline. Raises `DeliveryFailed`."""
        ...

    async def close(self) -> None:
        """Close what is kept open between messages."""
        ...


class MailSender(Sender, Protocol):
    """One way for mails, which can be more than codes."""

    async def tell(self, notice: NoticeMessage) -> None:
        """Hand a notice over within a deadline. Raises `DeliveryFailed`."""
        ...


class Senders:
    """Hands each message to the sender of its factor, and notices to `mails`, where there is a way for mails."""

    def __init__(self, by_factor: Mapping[Factor, Sender], mails: MailSender | None = None) -> None:
        self._by_factor = dict(by_factor)
        self._mails = mails

    async def tell(self, notice: NoticeMessage) -> None:
        """Send a notice, unless no mails are sent at all.

        Raises:
            DeliveryFailed: its sender could not.
        """
        if self._mails is not None:
            await self._mails.tell(notice)

    async def send(self, message: CodeMessage) -> None:
        """Send a message.

        Raises:
            DeliveryFailed: nobody sends messages of this factor, or its sender could not.
        """
        sender = self._by_factor.get(message.factor)
        if sender is None:
            raise DeliveryFailed(f"no sender is configured for {message.factor.value}: name one under senders")
        await sender.send(message)

    async def close(self) -> None:
        """Close every sender."""
        for sender in self._by_factor.values():
            await sender.close()
