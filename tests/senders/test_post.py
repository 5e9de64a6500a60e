import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.fault import DeliveryFailed
from mfa_gateway.core.message import CodeMessage, Happening, NoticeMessage
from mfa_gateway.core.proof import Purpose
from mfa_gateway.engine.ports import Sender
from mfa_gateway.senders.post import Senders


class Recorder:
    """A sender that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[CodeMessage] = []
        self.notices: list[NoticeMessage] = []
        self.is_closed = False

    async def tell(self, notice: NoticeMessage) -> None:
        self.notices.append(notice)

    async def send(self, message: CodeMessage) -> None:
        self.messages.append(message)

    async def close(self) -> None:
        self.is_closed = True


class Broken:
    """A sender that cannot."""

    async def send(self, message: CodeMessage) -> None:
        raise DeliveryFailed(f"the line is dead for {message.factor.value}")

    async def close(self) -> None:
        pass


def message(factor: Factor) -> CodeMessage:
    return CodeMessage(factor, "anna@example.test", "048213", Purpose.GATE, 600_000)


async def test_each_factor_has_its_own_sender() -> None:
    email, sms = Recorder(), Recorder()
    senders: Sender = Senders({Factor.EMAIL: email, Factor.SMS: sms})
    await senders.send(message(Factor.SMS))
    assert (email.messages, sms.messages) == ([], [message(Factor.SMS)])


async def test_a_factor_without_a_sender_is_a_failed_delivery() -> None:
    with pytest.raises(DeliveryFailed, match="no sender is configured for sms") as failure:
        await Senders({Factor.EMAIL: Recorder()}).send(message(Factor.SMS))
    assert "048213" not in str(failure.value)


async def test_the_failure_of_a_sender_is_passed_on() -> None:
    with pytest.raises(DeliveryFailed, match="the line is dead"):
        await Senders({Factor.EMAIL: Broken()}).send(message(Factor.EMAIL))


async def test_what_is_added_to_the_mapping_later_is_not_used() -> None:
    by_factor: dict[Factor, Recorder] = {}
    senders = Senders(by_factor)
    by_factor[Factor.EMAIL] = Recorder()
    with pytest.raises(DeliveryFailed):
        await senders.send(message(Factor.EMAIL))


async def test_every_sender_is_closed() -> None:
    email, sms = Recorder(), Recorder()
    await Senders({Factor.EMAIL: email, Factor.SMS: sms}).close()
    assert email.is_closed
    assert sms.is_closed


async def test_notices_go_the_way_of_mails() -> None:
    mails, notice = Recorder(), NoticeMessage("anna@example.test", Happening.ADDED, Factor.TOTP)
    await Senders({Factor.SMS: Recorder()}, mails).tell(notice)
    assert mails.notices == [notice]


async def test_where_no_mails_are_sent_nobody_is_told() -> None:
    sms = Recorder()
    await Senders({Factor.SMS: sms}).tell(NoticeMessage("anna@example.test", Happening.ADDED, Factor.TOTP))
    assert sms.notices == []
