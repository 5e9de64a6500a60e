"""Lines that are brought into a store: all or nothing each, and the same again changes nothing."""

import asyncio
import io

import pytest

from mfa_gateway.cli.people.bringing import Count, numbered_lines
from mfa_gateway.cli.people.lines import MAX_LINE, line_of
from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.login import Known, Wrong
from mfa_gateway.core.proof import Scope
from mfa_gateway.directory.credentials import LocalCredentials
from mfa_gateway.directory.passwords import HashCost, Passwords
from mfa_gateway.state import Store
from mfa_gateway.state.ledger import Kept
from tests.cli.people.conftest import Bring, line

ADA, BOB = AccountId("shop", "ada"), AccountId("shop", "bob")
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
WHOLE = line(
    login_ids=["ada@example.test"],
    password="hunter2",
    email="ada@example.test",
    email_verified=True,
    factors=[{"type": "email"}, {"type": "totp", "secret": SECRET}],
    profile={"name": "Ada"},
)


async def login(store: Store, login_id: str, password: str, *, cost: HashCost | None = None) -> Known | Wrong:
    credentials = LocalCredentials(store.ledger, Passwords(cost or HashCost(8, 1, 1)))
    try:
        return await credentials.check(realm="shop", login=login_id, password=password)
    finally:
        await credentials.close()


# --- Files ------------------------------------------------------------------------------------


def numbers(content: bytes) -> list[tuple[int, bool]]:
    return [(number, text is not None) for number, text in numbered_lines(io.BytesIO(content))]


def test_lines_are_numbered_as_editors_do() -> None:
    assert numbers(b"{}\n\n  \n{}\r\n{}") == [(1, True), (4, True), (5, True)]


def test_a_line_that_is_too_long_is_skipped_to_its_end() -> None:
    longest = b"x" * (MAX_LINE - 1) + b"\n"
    assert numbers(longest + b"{}\n") == [(1, True), (2, True)]
    assert numbers(b"x" * MAX_LINE) == [(1, True)]
    for length in (MAX_LINE + 1, 2 * MAX_LINE, 2 * MAX_LINE + 1, 5 * MAX_LINE):
        assert numbers(b"x" * length + b"\n{}\n") == [(1, False), (2, True)]
        assert numbers(b"x" * length) == [(1, False)]


def test_an_empty_file_holds_nobody() -> None:
    assert numbers(b"") == []


# --- All or nothing, and again ----------------------------------------------------------------


async def test_an_account_is_brought_in_with_everything(store: Store, bring: Bring) -> None:
    assert await bring(WHOLE) == Count(new=1)
    assert await login(store, "ADA@example.test", "hunter2") == Known(ADA)
    standing = await store.recall(ADA, scope=Scope.ACCOUNT, session="s")
    assert standing.active() == (Factor.EMAIL, Factor.TOTP)


async def test_the_same_file_again_changes_nothing(store: Store, bring: Bring) -> None:
    await bring(WHOLE, line("bob"))
    before = await store.ledger.held(ADA)
    assert await bring(WHOLE, line("bob")) == Count(unchanged=2)
    assert await store.ledger.held(ADA) == before


async def test_the_same_file_again_leaves_what_the_owner_did_meanwhile(store: Store, bring: Bring) -> None:
    await bring(WHOLE)
    held = await store.ledger.held(ADA)
    assert held.password is not None
    await store.ledger.renew_password(ADA, old=held.password, new="a hash of the owner's own making")
    await store.detach(ADA, Factor.EMAIL)
    await store.attach(ADA, Factor.EMAIL, "ada@home.test")
    assert await bring(WHOLE) == Count(unchanged=1)
    held = await store.ledger.held(ADA)
    assert held.password == "a hash of the owner's own making"
    assert [one.address for one in (await store.inventory(ADA)).enrolments] == ["ada@home.test", None]


async def test_a_file_after_a_login_that_made_its_hash_anew_changes_nothing(store: Store, bring: Bring) -> None:
    cheap = Passwords(HashCost(8, 1, 1))
    brought = line(login_ids=["ada"], password_hash=await cheap.hash("hunter2"))
    cheap.close()
    await bring(brought)
    assert await login(store, "ada", "hunter2", cost=HashCost(16, 1, 1)) == Known(ADA)
    held = await store.ledger.held(ADA)
    assert held.password != held.brought
    assert await bring(brought) == Count(unchanged=1)
    assert (await store.ledger.held(ADA)).password == held.password


async def test_another_password_in_the_file_counts(store: Store, bring: Bring) -> None:
    await bring(WHOLE)
    assert await bring({**WHOLE, "password": "hunter3"}) == Count(changed=1)
    assert await login(store, "ada@example.test", "hunter3") == Known(ADA)
    assert await login(store, "ada@example.test", "hunter2") == Wrong()


async def test_null_takes_a_password_away_and_silence_does_not(store: Store, bring: Bring) -> None:
    await bring(WHOLE)
    assert await bring(line()) == Count(unchanged=1)
    assert await login(store, "ada@example.test", "hunter2") == Known(ADA)
    assert await bring(line(password=None)) == Count(changed=1)
    assert await login(store, "ada@example.test", "hunter2") == Wrong()


async def test_what_was_taken_out_brought_in_again_changes_nothing(store: Store, bring: Bring) -> None:
    await bring(WHOLE, line("bob", phone="+491701234567", factors=[{"type": "sms"}], disabled=True))
    written = [line_of(held) async for some in store.ledger.walk() for held in some if held is not None]
    assert await bring(*written) == Count(unchanged=2)


# --- Bad lines --------------------------------------------------------------------------------


async def test_a_bad_line_changes_nothing_and_good_ones_count(
    store: Store, bring: Bring, capsys: pytest.CaptureFixture[str]
) -> None:
    count = await bring(line("a"), line("b", email="nope", locale="?"), b"{", line("c"))
    assert count == Count(new=2, bad=2)
    assert (await store.ledger.held(AccountId("shop", "b"))).is_new
    assert capsys.readouterr().err.splitlines() == [
        "line 2: email: is no plain mail address; locale: is no language tag, as in de or de-AT",
        "line 3: is not JSON",
    ]


async def test_an_account_that_is_there_twice_is_brought_in_once(
    store: Store, bring: Bring, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await bring(line(locale="de"), line("bob"), line(locale="en")) == Count(new=2, bad=1)
    assert (await store.ledger.held(ADA)).record.locale == "de"
    assert "line 3: subject: the same account is on line 1" in capsys.readouterr().err


async def test_a_login_id_that_is_there_twice_belongs_to_the_first(
    store: Store, bring: Bring, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await bring(line(login_ids=["x"]), line("bob", login_ids=["y", "X "])) == Count(new=1, bad=1)
    assert (await store.ledger.held(BOB)).is_new
    assert "line 2: login_ids[1]: is on line 1 too" in capsys.readouterr().err


async def test_the_same_names_in_two_realms_are_two_people(bring: Bring) -> None:
    desk = {**line(login_ids=["x"]), "realm": "desk"}
    assert await bring(line(login_ids=["x"]), desk) == Count(new=2)


async def test_a_login_id_of_somebody_else_is_told_by_its_place(
    store: Store, bring: Bring, capsys: pytest.CaptureFixture[str]
) -> None:
    await bring(line(login_ids=["ada"]))
    assert await bring(line("bob", login_ids=["bob", "ada"], password="x")) == Count(bad=1)
    assert (await store.ledger.held(BOB)).is_new
    assert "line 1: login_ids[1]: belongs to another account" in capsys.readouterr().err


async def test_a_login_id_moves_from_an_earlier_line_to_a_later_one(store: Store, bring: Bring) -> None:
    await bring(line(login_ids=["shared"]))
    # A password takes its time, so the later line arrives first.
    given_up = line(login_ids=[], password="x")
    assert await bring(given_up, line("bob", login_ids=["shared"])) == Count(new=1, changed=1)
    owner = await store.ledger.owner("shop", "shared")
    assert owner is not None
    assert owner.account == BOB


async def test_a_factor_that_cannot_be_made_active_brings_nothing_in(store: Store, bring: Bring) -> None:
    assert await bring(line(login_ids=["ada"], factors=[{"type": "totp"}])) == Count(bad=1)
    assert (await store.ledger.held(ADA)).is_new
    assert await store.ledger.owner("shop", "ada") is None


async def test_an_account_that_somebody_else_is_changing_is_read_again(
    store: Store, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, times = store.ledger.held, iter(range(100))

    async def disturbed(account: AccountId) -> object:
        found = await held(account)
        if next(times) < 2:
            await store.put_record(account, found.record)
        return found

    monkeypatch.setattr(store.ledger, "held", disturbed)
    assert await bring(line(login_ids=["ada"])) == Count(changed=1)


async def test_an_account_that_is_never_left_alone_is_a_bad_line(
    store: Store, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stale(*_: object) -> Kept:
        await asyncio.sleep(0)
        return Kept.STALE

    monkeypatch.setattr(store.ledger, "keep", stale)
    assert await bring(line()) == Count(bad=1)


def test_what_became_of_a_file_is_told_in_a_line() -> None:
    assert str(Count(new=1, changed=2, unchanged=3)) == ("6 accounts brought in: 1 new, 2 changed, 3 as they were")
    assert str(Count(bad=4)).endswith("; 4 lines were bad")
