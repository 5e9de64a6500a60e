from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.account import Factor
from mfa_gateway.core.proof import Purpose
from mfa_gateway.state.digests import Digests

DIGESTS = Digests(b"d" * 32)
TEXT = st.text(max_size=8)
BOUND_TO = st.tuples(TEXT, st.sampled_from(Factor), st.sampled_from(Purpose), TEXT)


@given(BOUND_TO, BOUND_TO)
def test_a_code_is_bound_to_account_factor_and_purpose(
    one: tuple[str, Factor, Purpose, str], other: tuple[str, Factor, Purpose, str]
) -> None:
    digests = {DIGESTS.code(tag, factor, purpose=purpose, code=code) for tag, factor, purpose, code in (one, other)}
    assert len(digests) == (1 if one == other else 2)


def test_a_fingerprint_is_bound_to_account_and_factor_but_to_no_purpose() -> None:
    prints = {
        DIGESTS.fingerprint(tag, factor, code)
        for tag in ("a", "b")
        for factor in Factor
        for code in ("123456", "654321")
    }
    assert len(prints) == 2 * len(Factor) * 2


def test_kinds_of_digests_never_meet() -> None:
    same = {
        DIGESTS.token("tag", "123456"),
        DIGESTS.fingerprint("tag", Factor.EMAIL, "123456"),
        DIGESTS.code("tag", Factor.EMAIL, purpose=Purpose.GATE, code="123456"),
        DIGESTS.mark("tag", Factor.EMAIL, b"123456"),
    }
    assert len(same) == 4


def test_digests_depend_on_the_key() -> None:
    assert DIGESTS.token("tag", "t") != Digests(b"e" * 32).token("tag", "t")


def test_the_key_is_not_in_a_repr() -> None:
    assert "ddd" not in repr(DIGESTS)
