import structlog

from mfa_gateway.core.account import Factor
from mfa_gateway.core.message import CodeMessage, Happening, NoticeMessage
from mfa_gateway.core.proof import Purpose
from mfa_gateway.engine.ports import Sender
from mfa_gateway.senders.dry import DrySender
from mfa_gateway.senders.texts import Texts


async def test_a_dry_run_says_what_it_left_out_and_neither_code_nor_address() -> None:
    sender: Sender = DrySender(structlog.get_logger(), texts=Texts("Example Shop"))
    with structlog.testing.capture_logs() as logs:
        await sender.send(CodeMessage(Factor.SMS, "+491701234567", "048213", Purpose.GATE, 600_000, ("de",)))
    [line] = logs
    assert line["event"].startswith("DRY RUN")
    assert line["log_level"] == "warning"
    assert (line["factor"], line["language"]) == ("sms", "de")
    assert not any(secret in str(line) for secret in ("048213", "1234567"))


async def test_a_notice_stays_here_too() -> None:
    sender = DrySender(structlog.get_logger(), texts=Texts("Example Shop"))
    with structlog.testing.capture_logs() as logs:
        await sender.tell(NoticeMessage("anna@example.test", Happening.ADDED, Factor.TOTP))
    [line] = logs
    assert line["event"].startswith("DRY RUN")
    assert "anna" not in str(line)
