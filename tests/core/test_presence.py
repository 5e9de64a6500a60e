import pytest

from mfa_gateway.core.presence import Presence, absence
from mfa_gateway.core.verdict import Reason


def test_who_is_there_is_not_absent() -> None:
    assert absence(Presence.KNOWN) is None


@pytest.mark.parametrize(
    ("presence", "reason"),
    [(Presence.UNKNOWN, Reason.ACCOUNT_UNKNOWN), (Presence.DISABLED, Reason.ACCOUNT_DISABLED)],
)
def test_who_is_absent_is_refused_for_a_reason(presence: Presence, reason: Reason) -> None:
    assert absence(presence) is reason
