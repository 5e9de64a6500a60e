import structlog

from mfa_gateway.core.account import Factor
from mfa_gateway.core.message import CodeMessage
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
    assert (line["language"], line["subject"]) == ("de", "Ihr Code f\u00fcr Example Shop")
    assert "048213" in line["body"]
