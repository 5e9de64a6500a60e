from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.account import Factor
from mfa_gateway.core.proof import Purpose
from mfa_gateway.state.digests import Digests

DIGESTS = Digests(b"d" * 32)
TEXT = st.text(alphabet="a1", max_size=3)


def test_a_code_is_bound_to_account_factor_and_purpose() -> None:
    bound_to = list(product(("a", "b", ""), Factor, Purpose, ("123456", "654321", "")))
    digests = {DIGESTS.code(tag, factor, purpose=purpose, code=code) for tag, factor, purpose, code in bound_to}
    assert len(digests) == len(bound_to)


@given(st.tuples(TEXT, TEXT), st.tuples(TEXT, TEXT))
def test_no_text_runs_over_into_the_next(one: tuple[str, str], other: tuple[str, str]) -> None:
    digests = {DIGESTS.fingerprint(tag, Factor.EMAIL, code) for tag, code in (one, other)}
    assert len(digests) == len({one, other})


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
