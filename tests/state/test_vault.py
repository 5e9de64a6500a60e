import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.state.errors import StoreUnfit
from mfa_gateway.state.vault import CannotUnseal, Vault, new_index_key, sub_key

OLD, NEW = b"o" * 32, b"n" * 32
NAMES = st.lists(st.text(max_size=5), max_size=3)


@given(st.binary(max_size=200), NAMES)
def test_what_is_sealed_can_be_unsealed(plain: bytes, belongs_to: list[str]) -> None:
    vault = Vault((OLD,))
    assert vault.unseal(vault.seal(plain, *belongs_to), *belongs_to) == plain


@given(NAMES, NAMES)
def test_a_sealed_value_cannot_be_moved(here: list[str], there: list[str]) -> None:
    vault = Vault((OLD,))
    sealed = vault.seal(b"value", *here)
    if here == there:
        assert vault.unseal(sealed, *there) == b"value"
    else:
        with pytest.raises(CannotUnseal):
            vault.unseal(sealed, *there)


@given(st.integers(min_value=0, max_value=8 * 42 - 1))
def test_no_bit_of_a_sealed_value_can_be_changed(bit: int) -> None:
    vault = Vault((OLD,))
    sealed = bytearray(vault.seal(b"value", "here"))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CannotUnseal):
        vault.unseal(bytes(sealed), "here")


@pytest.mark.parametrize("length", range(0, 42, 5))
def test_a_value_that_is_cut_short_cannot_be_unsealed(length: int) -> None:
    vault = Vault((OLD,))
    with pytest.raises(CannotUnseal):
        vault.unseal(vault.seal(b"value", "here")[:length], "here")


def test_the_same_value_is_never_sealed_to_the_same_bytes() -> None:
    vault = Vault((OLD,))
    assert vault.seal(b"value") != vault.seal(b"value")


def test_an_older_key_still_unseals() -> None:
    sealed = Vault((OLD,)).seal(b"value")
    assert Vault((NEW, OLD)).unseal(sealed) == b"value"


def test_the_newest_key_seals() -> None:
    sealed = Vault((NEW, OLD)).seal(b"value")
    assert Vault((NEW,)).unseal(sealed) == b"value"
    with pytest.raises(CannotUnseal, match=r"not among secrets\.keys"):
        Vault((OLD,)).unseal(sealed)


@pytest.mark.parametrize("keys", [(), (b"short",), (OLD, b"x" * 31), (b"",), (b"x" * 33,)])
def test_keys_of_another_length_are_refused(keys: tuple[bytes, ...]) -> None:
    with pytest.raises(StoreUnfit, match=r"secrets\.keys must hold"):
        Vault(keys)


def test_sub_keys_for_other_uses_are_other_keys() -> None:
    assert len({sub_key(OLD, "keys"), sub_key(OLD, "digests"), sub_key(NEW, "keys"), OLD}) == 4


def test_the_index_key_is_made_at_random() -> None:
    assert len({new_index_key() for _ in range(10)}) == 10
    assert len(new_index_key()) == 32


def test_keys_are_not_in_a_repr() -> None:
    assert repr(Vault((NEW, OLD))) == "<Vault with 2 keys>"
