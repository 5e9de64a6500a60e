"""The dry run: messages are counted, written down and answered as if they were sent, and nothing leaves.

For trying out limits, load and a new configuration before the first message is paid for. Nobody gets a code, so nobody
passes a gate with one. What stays out: writing codes down, which is the log's (for development only).
"""

from structlog.typing import FilteringBoundLogger

from mfa_gateway.core.message import CodeMessage, NoticeMessage
from mfa_gateway.senders.texts import Texts

EVENT = "DRY RUN: this message was not sent"


class DrySender:
    """Renders messages, so that what is wrong with them shows, and lets them go."""

    def __init__(self, log: FilteringBoundLogger, *, texts: Texts) -> None:
        self._log = log
        self._texts = texts

    async def send(self, message: CodeMessage) -> None:
        """Say that a message would have been sent, without its code and address. Never fails."""
        text = self._texts.render(message)
        self._log.warning(EVENT, factor=message.factor.value, language=text.language)

    async def tell(self, notice: NoticeMessage) -> None:
        """Say that a notice would have been sent, without its address. Never fails."""
        text = self._texts.notice(notice)
        self._log.warning(EVENT, factor=notice.factor.value, language=text.language, subject=text.subject)

    async def close(self) -> None:
        """Nothing is open."""
