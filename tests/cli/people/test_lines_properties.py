"""Lines under everything that JSON can say: read or refused with words, never with an exception."""

import json

from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.cli.people.lines import AccountLine, line_of, read_line
from mfa_gateway.cli.people.wishes import wanted_of
from mfa_gateway.core.account import AccountId, Factor, FactorState
from mfa_gateway.state import AccountRecord
from mfa_gateway.state.ledger import Held, Wanted

KEYS = (
    *("realm", "subject", "login_ids", "password", "password_hash", "email", "email_verified", "phone"),
    *("phone_verified", "locale", "disabled", "factors", "profile", "colour"),
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "state", "secret", "digits", "period", "algorithm", "x"]), inner)
    ),
    max_leaves=12,
)
FACTORS = st.lists(
    st.fixed_dictionaries({"type": st.sampled_from(["email", "sms", "totp"]) | VALUES}, optional={"state": VALUES})
)
NAMES = st.text(min_size=1, max_size=40, alphabet=st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]))
HELD = st.builds(
    Held,
    account=st.builds(AccountId, st.just("shop"), NAMES),
    is_new=st.just(False),
    has_record=st.just(True),
    record=st.builds(
        AccountRecord,
        email=st.sampled_from([None, "ada@example.test"]),
        email_verified=st.booleans(),
        phone=st.sampled_from([None, "+491701234567"]),
        phone_verified=st.booleans(),
        locale=st.sampled_from([None, "de", "de-AT"]),
    ),
    login_ids=st.lists(st.sampled_from(["ada", "a b", "\u00e4@b.test", "0"]), unique=True).map(tuple),
    password=st.none(),
    profile=st.dictionaries(st.text(), st.none() | st.integers() | st.text()),
    disabled=st.booleans(),
    factors=st.dictionaries(st.sampled_from(list(Factor)), st.sampled_from([FactorState.ACTIVE, FactorState.PENDING])),
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES | FACTORS))
def test_whatever_is_written_is_read_or_refused(document: dict[str, object]) -> None:
    found = read_line(json.dumps({"realm": "shop", "subject": "ada", **document}).encode(), realms={"shop"})
    assert isinstance(found, AccountLine) or all(problem.isprintable() for problem in found)


@given(st.binary(max_size=200))
def test_whatever_is_in_a_file_is_refused_with_words(raw: bytes) -> None:
    assert isinstance(read_line(raw, realms={"shop"}), tuple)


@given(HELD)
def test_what_is_taken_out_says_what_is_there(held: Held) -> None:
    line = read_line(line_of(held), realms={"shop"})
    assert isinstance(line, AccountLine), line
    wanted = wanted_of(line, held, password=held.password)
    assert isinstance(wanted, Wanted)
    assert (wanted.record, wanted.login_ids, wanted.profile) == (held.record, held.login_ids, held.profile)
    assert (wanted.disabled, wanted.vouched, wanted.removed) == (held.disabled, {}, frozenset())
