from mfa_gateway.core.account import AccountId
from mfa_gateway.core.login import Known, Wrong


def test_a_wrong_login_says_nothing_about_why() -> None:
    assert Wrong() == Wrong()
    assert repr(Wrong()) == "Wrong()"


def test_a_right_login_names_the_account() -> None:
    assert Known(AccountId("shop", "ada")).account.subject == "ada"
