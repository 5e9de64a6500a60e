import structlog

from mfa_gateway.core.account import Factor
from mfa_gateway.core.message import CodeMessage, Happening, NoticeMessage
from mfa_gateway.core.proof import Purpose
from mfa_gateway.engine.ports import Sender
from mfa_gateway.senders.log import LogSender
from mfa_gateway.senders.texts import Texts


async def test_a_message_is_written_down_whole_and_marked_as_development() -> None:
    sender: Sender = LogSender(structlog.get_logger(), texts=Texts("Example Shop"))
    message = CodeMessage(Factor.SMS, "+491701234567", "048213", Purpose.GATE, 600_000, ("de",))
    with structlog.testing.capture_logs() as logs:
        await sender.send(message)
    [line] = logs
    assert line["event"].startswith("DEVELOPMENT ONLY")
    assert line["log_level"] == "warning"
    assert (line["factor"], line["address"], line["code"]) == ("sms", "+491701234567", "048213")
    assert (line["language"], line["subject"]) == ("de", "")
    assert line["body"].startswith("048213 ist Ihr Code")


async def test_what_a_device_answers_with_is_written_down_too() -> None:
    sender = LogSender(structlog.get_logger(), texts=Texts("Example Shop"))
    push = CodeMessage(Factor.PUSH, "android:token", "gate.token", Purpose.GATE, 120_000, assertion="a.b.c")
    with structlog.testing.capture_logs() as logs:
        await sender.send(push)
    [line] = logs
    assert (line["code"], line["assertion"], line["subject"]) == (
        "gate.token",
        "a.b.c",
        "Is that you at Example Shop?",
    )


async def test_a_notice_is_written_down_whole() -> None:
    sender = LogSender(structlog.get_logger(), texts=Texts("Example Shop"))
    with structlog.testing.capture_logs() as logs:
        await sender.tell(NoticeMessage("anna@example.test", Happening.CHANGED, Factor.BACKUP))
    [line] = logs
    assert (line["address"], line["subject"]) == ("anna@example.test", "A second step was changed at Example Shop")
    assert "a set of backup codes" in line["body"]
