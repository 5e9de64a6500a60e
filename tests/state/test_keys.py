from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.proof import Budget, Purpose, Scope
from mfa_gateway.core.quota import Quota, QuotaKind
from mfa_gateway.state.keys import STANDING, AccountKeys, Keys

KEYS = Keys(b"k" * 32)

# Text that joins into other text, and text that means something to Redis, Lua or a cluster.
PIECES = st.sampled_from(["", "a", "b", ":", "}", "{", "/", "\0", "\n", "*", "ab", "mfa", "account", "\ud800", "ö"])
NAMES = st.lists(PIECES, max_size=5).map("".join) | st.text(max_size=20)
ACCOUNTS = st.builds(AccountId, NAMES, NAMES)


def all_keys(keys: AccountKeys, session: str) -> list[str]:
    """Every key that one account and one of its sessions can have."""
    found = [keys.account, keys.proofs(Scope.ACCOUNT, session), keys.proofs(Scope.SESSION, session)]
    found += [keys.session(session), keys.opened(session), keys.farewell("https://idp.test", session)]
    for factor in Factor:
        found += [keys.recent(factor), *keys.codes(factor), *(keys.quiet(purpose, factor) for purpose in Purpose)]
    known = keys.of_session(Budget.STEP_UP, session)[0]
    for budget in Budget:
        _, *own = keys.of_session(budget, session)
        found += [keys.attempts(budget), keys.bans(budget), keys.short(budget), *own]
        found += [keys.daily(budget), keys.daily(budget, session)]
    return [*found, known]


@given(ACCOUNTS, NAMES)
def test_no_two_keys_of_an_account_are_the_same(account: AccountId, session: str) -> None:
    found = all_keys(KEYS.of(account), session)
    assert len(set(found)) == len(found)


@given(ACCOUNTS, ACCOUNTS, NAMES)
def test_different_accounts_never_share_a_key(one: AccountId, other: AccountId, session: str) -> None:
    shared = set(all_keys(KEYS.of(one), session)) & set(all_keys(KEYS.of(other), session))
    assert bool(shared) == (one == other)


@given(ACCOUNTS, NAMES, NAMES)
def test_different_sessions_share_only_what_belongs_to_the_account(account: AccountId, one: str, other: str) -> None:
    keys = KEYS.of(account)
    own = {keys.proofs(Scope.SESSION, one), *keys.of_session(Budget.STEP_UP, one)}
    assert bool(own & set(all_keys(keys, other))) == (one == other)


@given(st.lists(st.tuples(st.sampled_from(QuotaKind), st.lists(NAMES, max_size=3)), min_size=2, max_size=2))
def test_different_quotas_never_share_a_key(two: list[tuple[QuotaKind, list[str]]]) -> None:
    one, other = (KEYS.quota(Quota(kind, (), tuple(subject))) for kind, subject in two)
    assert (one == other) == (two[0] == two[1])


@given(ACCOUNTS)
def test_a_quota_of_an_account_is_none_of_its_keys(account: AccountId) -> None:
    quota = KEYS.quota(Quota(QuotaKind.ACCOUNT, (), (account.realm, account.subject)))
    assert KEYS.of(account).tag not in quota


@given(ACCOUNTS, NAMES)
def test_all_keys_of_an_account_carry_one_hash_tag(account: AccountId, session: str) -> None:
    keys = KEYS.of(account)
    for key in all_keys(keys, session):
        # Redis Cluster specification, "Hash tags": what is between the first { and the first } after it.
        assert key[key.index("{") + 1 : key.index("}")] == keys.tag


@given(ACCOUNTS, NAMES)
def test_keys_hold_no_text_of_users(account: AccountId, session: str) -> None:
    for key in all_keys(KEYS.of(account), session):
        assert key.startswith(("mfa:{", STANDING + "{"))
        assert key.isascii()
        assert key.isprintable()
        assert len(key) < 160


def test_a_tag_has_at_least_128_bits() -> None:
    assert len(bytes.fromhex(KEYS.of(AccountId("shop", "ada")).tag)) * 8 >= 128


def test_another_secret_gives_other_keys() -> None:
    account = AccountId("shop", "ada")
    assert KEYS.of(account).tag != Keys(b"K" * 32).of(account).tag


def test_purposes_and_factors_have_codes_of_their_own() -> None:
    keys = KEYS.of(AccountId("shop", "ada"))
    codes = {keys.code(purpose, factor) for purpose, factor in product(Purpose, Factor)}
    assert len(codes) == len(Purpose) * len(Factor)


def test_nothing_secret_is_in_a_repr() -> None:
    shown = repr(KEYS) + repr(KEYS.of(AccountId("shop", "ada")))
    assert "kkk" not in shown
    assert "ada" not in shown
