"""Log-outs: the words that pass between an issuer and us, none of which tells what was brought."""

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.logout import Farewell, Hearsay


def test_what_an_issuer_calls_its_word_is_in_no_repr() -> None:
    farewell = Farewell(AccountId("shop", "ada"), "https://idp.test", "the-name-of-the-token", 1000)
    assert "the-name-of-the-token" not in repr(farewell)


def test_hearsay_names_somebody_unless_it_says_that_it_does_not() -> None:
    assert not Hearsay("no signature").is_nameless
