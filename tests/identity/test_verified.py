from mfa_gateway.core.account import AccountId, Caller
from mfa_gateway.identity.verified import MAX_REMEMBERED, Verified, VerifiedCredentials


class FakeKeys:
    """Keys whose edition a test can raise."""

    def __init__(self) -> None:
        self.edition = 0
        self.freshened = 0

    def freshen(self) -> None:
        self.freshened += 1

    async def find(self, key_id: str | None, algorithm: str) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


ANNA = Caller(AccountId("shop", "anna"), "session", "token")


def test_a_credential_is_remembered_until_it_expires() -> None:
    verified = VerifiedCredentials()
    verified.remember("Bearer a", Verified(ANNA, 100.0, FakeKeys(), 0))
    assert verified.recall("Bearer a", 99.9) is ANNA
    assert verified.recall("Bearer a", 100.0) is None
    assert len(verified) == 0


def test_a_credential_is_remembered_as_it_was_presented() -> None:
    verified = VerifiedCredentials()
    verified.remember("Bearer a", Verified(ANNA, 100.0, FakeKeys(), 0))
    assert verified.recall("Bearer b", 0.0) is None
    assert verified.recall("bearer a", 0.0) is None


def test_nothing_is_remembered_of_an_older_edition_of_the_keys() -> None:
    keys, verified = FakeKeys(), VerifiedCredentials()
    verified.remember("Bearer a", Verified(ANNA, 100.0, keys, 0))
    keys.edition = 1
    assert verified.recall("Bearer a", 0.0) is None
    assert len(verified) == 0


def test_keys_are_kept_fresh_by_credentials_that_are_only_remembered() -> None:
    keys, verified = FakeKeys(), VerifiedCredentials()
    verified.remember("Bearer a", Verified(ANNA, 100.0, keys, 0))
    verified.recall("Bearer a", 0.0)
    assert keys.freshened == 1


def test_the_least_recently_used_credential_is_forgotten_first() -> None:
    verified = VerifiedCredentials(size=2)
    for name in ("a", "b"):
        verified.remember(name, Verified(ANNA, 100.0, FakeKeys(), 0))
    verified.recall("a", 0.0)
    verified.remember("c", Verified(ANNA, 100.0, FakeKeys(), 0))
    assert [verified.recall(name, 0.0) for name in ("a", "b", "c")] == [ANNA, None, ANNA]
    assert len(verified) == 2


def test_at_most_ten_thousand_credentials_are_remembered() -> None:
    verified = VerifiedCredentials()
    for number in range(MAX_REMEMBERED + 10):
        verified.remember(str(number), Verified(ANNA, 100.0, FakeKeys(), 0))
    assert len(verified) == MAX_REMEMBERED == 10_000
