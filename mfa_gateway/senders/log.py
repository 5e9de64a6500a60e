"""The log as a sender: for development only.

This is the one place in the gateway where a code is written down on purpose. Whoever can read the log can use it, so
every line says that it belongs to development, at a level that nobody overlooks. What stays out: any other logging.
"""

from structlog.typing import FilteringBoundLogger

from mfa_gateway.core.message import CodeMessage, NoticeMessage
from mfa_gateway.senders.texts import Texts

EVENT = "DEVELOPMENT ONLY: this message was not sent, here is what it says"


class LogSender:
    """Writes messages to the log, codes included, instead of sending them."""

    def __init__(self, log: FilteringBoundLogger, *, texts: Texts) -> None:
        self._log = log
        self._texts = texts

    async def send(self, message: CodeMessage) -> None:
        """Write a message down. Never fails."""
        text = self._texts.render(message)
        self._log.warning(
            EVENT,
            factor=message.factor.value,
            address=message.address,
            code=message.code,
            **({"assertion": message.assertion} if message.assertion else {}),
            language=text.language,
            subject=text.subject,
            body=text.body,
        )

    async def tell(self, notice: NoticeMessage) -> None:
        """Write a notice down. Never fails."""
        text = self._texts.notice(notice)
        self._log.warning(EVENT, address=notice.address, language=text.language, subject=text.subject, body=text.body)

    async def close(self) -> None:
        """Nothing is open."""
