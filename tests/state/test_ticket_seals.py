"""Tickets, sealed: only as they were made, where they were made, for what they were made."""

import base64
import secrets
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.tickets import Ticket, TicketKind
from mfa_gateway.state.tickets import SealedTickets
from mfa_gateway.state.vault import Vault

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
SEALS = SealedTickets(Vault((OLD,)))
TICKET = Ticket(
    *(TicketKind.CODE, "3_KEY", "", 1_763_769_600_000, 600_000),
    account=AccountId("people", "ada"),
    epoch=3,
    device="gmid",
    factor=Factor.EMAIL,
    address="ada@x.test",
    facts={"new": "1"},
)
TEXT = SEALS.seal_ticket(TICKET)


def opened(text: str, kind: TicketKind = TicketKind.CODE, site: str = "3_KEY") -> Ticket | None:
    return SEALS.open_ticket(text, kind=kind, site=site)


def test_a_ticket_is_opened_as_it_was_sealed_and_has_a_name() -> None:
    found = opened(TEXT)
    assert found is not None
    assert len(found.id) == 32
    assert replace(found, id="") == TICKET


def test_no_two_tickets_look_or_are_called_alike() -> None:
    other = SEALS.seal_ticket(TICKET)
    assert other != TEXT
    assert opened(other) != opened(TEXT)


def test_nothing_of_a_ticket_can_be_read() -> None:
    raw = base64.urlsafe_b64decode(TEXT + "=" * (-len(TEXT) % 4))
    for word in (b"ada", b"3_KEY", b"gmid", b"people"):
        assert word not in raw


@pytest.mark.parametrize("kind", [kind for kind in TicketKind if kind is not TicketKind.CODE])
def test_a_ticket_never_serves_as_another_kind(kind: TicketKind) -> None:
    assert opened(TEXT, kind) is None


@pytest.mark.parametrize("site", ["3_OTHER", "", "3_KEY "])
def test_a_ticket_never_serves_another_site(site: str) -> None:
    assert opened(TEXT, site=site) is None


@given(st.integers(0, len(TEXT) - 1), st.sampled_from("ABCDabcd0123-_"))
def test_a_ticket_with_another_letter_in_it_is_none(place: int, letter: str) -> None:
    changed = TEXT[:place] + letter + TEXT[place + 1 :]
    assert opened(changed) == (opened(TEXT) if changed == TEXT else None)


@given(st.integers(0, len(TEXT) - 1))
def test_a_ticket_that_was_cut_is_none(length: int) -> None:
    assert opened(TEXT[:length]) is None


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_-]{0,300}", fullmatch=True))
def test_garbage_is_no_ticket(text: str) -> None:
    assert opened(text) is None


@pytest.mark.parametrize("text", [TEXT + "=", TEXT + "\n", f" {TEXT}", TEXT + "A", "A" * 5000, "é"])
def test_a_ticket_has_one_spelling(text: str) -> None:
    assert opened(text) is None


def test_new_keys_open_what_older_ones_sealed() -> None:
    assert SealedTickets(Vault((NEW, OLD))).open_ticket(TEXT, kind=TicketKind.CODE, site="3_KEY") is not None
    assert SealedTickets(Vault((NEW,))).open_ticket(TEXT, kind=TicketKind.CODE, site="3_KEY") is None
