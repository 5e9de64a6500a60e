from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.tickets import Ticket, TicketKind, read_ticket, ticket_bytes

TEXT = st.text(max_size=40)
TICKETS = st.builds(
    Ticket,
    st.sampled_from(TicketKind),
    TEXT,
    TEXT,
    st.integers(0, 2**53),
    st.integers(0, 2**40),
    account=st.none() | st.builds(AccountId, TEXT, TEXT),
    epoch=st.integers(0, 2**53),
    device=TEXT,
    factor=st.none() | st.sampled_from(Factor),
    address=TEXT,
    facts=st.dictionaries(TEXT, TEXT, max_size=4),
)

TICKET = Ticket(TicketKind.CODE, "3_KEY", "01", born_ms=1_000_000, life_ms=600_000, address="ada@x.test")


@given(TICKETS)
def test_a_ticket_is_read_as_it_was_written(ticket: Ticket) -> None:
    assert read_ticket(ticket.kind, ticket.site, ticket_bytes(ticket)) == ticket


@pytest.mark.parametrize(
    ("now_ms", "is_alive"),
    [
        (1_000_000, True),
        (1_599_999, True),
        (1_600_000, False),
        (990_000, True),
        (989_999, False),
    ],
)
def test_a_ticket_lives_from_its_birth_to_exactly_its_length(now_ms: int, *, is_alive: bool) -> None:
    assert TICKET.is_alive(now_ms) is is_alive


@pytest.mark.parametrize("written", [b"", b"{}", b"[]", b"[1,2]", b'["a","b","c",null,0,"",null,"",{}]', b"null"])
def test_what_another_version_wrote_is_no_ticket(written: bytes) -> None:
    assert read_ticket(TicketKind.CODE, "3_KEY", written) is None


def test_addresses_and_facts_are_not_shown() -> None:
    shown = repr(replace(TICKET, facts={"secret": "hunter2"}))
    assert "ada" not in shown
    assert "hunter2" not in shown
