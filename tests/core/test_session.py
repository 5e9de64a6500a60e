from mfa_gateway.core.account import AccountId
from mfa_gateway.core.session import OpenedSession, Session


def test_nothing_that_lets_anybody_in_is_in_a_repr() -> None:
    session = Session(
        id="0f",
        account=AccountId("shop", "ada"),
        site="3_KEY",
        device="gmid-1",
        age_ms=0,
        left_ms=None,
        secret=b"secret of ada",
    )
    shown = repr(OpenedSession(session, "token of ada"))
    assert not [text for text in ("secret of ada", "token of ada", "gmid-1") if text in shown]
