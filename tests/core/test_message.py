"""Messages: a code on its way shows neither itself nor where it goes."""

from mfa_gateway.core.account import Factor
from mfa_gateway.core.message import CodeMessage
from mfa_gateway.core.proof import Purpose


def test_a_message_shows_neither_code_nor_address() -> None:
    message = CodeMessage(Factor.EMAIL, address="hidden", code="hidden", purpose=Purpose.GATE, life_ms=1)
    assert "hidden" not in repr(message)
