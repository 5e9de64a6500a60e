"""A directory behind HTTP, asked at a real server on a socket."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import structlog

from mfa_gateway.core.account import AccountId, Caller, Person
from mfa_gateway.core.fault import DirectoryUnavailable
from mfa_gateway.core.presence import Presence
from mfa_gateway.directory.hook import HookFailed, HookTerms
from mfa_gateway.directory.remote import MAX_ASKED, PAUSE, UNKNOWN_FOR, RemoteDirectory, read_person
from mfa_gateway.engine.ports import Directory, Register
from tests.directory.conftest import Ticks
from tests.directory.hooks import HANG_UP, SECRET, Question, Reply, System, says

LIMIT = 5.0
ADA = AccountId("shop", "ada")
BOB = AccountId("shop", "bob")
KNOWN = says(email="Ada@Example.test", email_verified=True)
GONE = says(disabled=True)

Open = Callable[..., RemoteDirectory]


@pytest.fixture
async def opened(system: System, ticks: Ticks) -> AsyncIterator[Open]:
    made: list[RemoteDirectory] = []

    def opening(*, max_stale: float = 60.0, timeout: float = LIMIT, size: int = 100) -> RemoteDirectory:
        terms = HookTerms(system.url, SECRET, timeout)
        made.append(RemoteDirectory(terms, max_stale=max_stale, monotonic=ticks, size=size))
        return made[-1]

    yield opening
    for directory in made:
        await directory.close()


def caller(account: AccountId = ADA) -> Caller:
    return Caller(account, session="s", token="t")


def started(waiting: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    return asyncio.get_running_loop().create_task(waiting)


async def asked_again(system: System, times: int) -> None:
    """Wait for a question that nobody waits for."""
    async with asyncio.timeout(LIMIT):
        while len(system.questions) < times:
            system.arrived.clear()
            await system.arrived.wait()


async def is_out(directory: RemoteDirectory) -> None:
    """Wait until what is under way has arrived."""
    async with asyncio.timeout(LIMIT):
        await asyncio.gather(*directory._asking.values())


async def test_it_fits_both_ports(opened: Open) -> None:
    ports: tuple[Directory, Register] = (opened(), opened())
    assert len(ports) == 2


# --- What is said of somebody -----------------------------------------------------------------


async def test_a_person_is_asked_about_by_realm_and_subject(system: System, opened: Open) -> None:
    system.answer = lambda _: KNOWN
    assert await opened().look_up(caller()) == Person(email="Ada@example.test")
    assert system.questions[0].asked == {"realm": "shop", "subject": "ada"}
    assert system.forged == []


async def test_everything_that_is_said_arrives(system: System, opened: Open) -> None:
    system.answer = lambda _: says(
        email="a@b.test", email_verified=True, phone="+491701234567", phone_verified=True, locale="de_AT", more=[1]
    )
    assert await opened().look_up(caller()) == Person("a@b.test", "+491701234567", "de-AT")


@pytest.mark.parametrize("verified", [False, None, "true", 1, "yes"])
def test_an_address_counts_where_it_is_said_to_be_verified(verified: object) -> None:
    said = says(email="a@b.test", email_verified=verified, phone="+491701234567", phone_verified=verified)
    assert read_person(said.body) == (Presence.KNOWN, Person())


def test_an_address_of_which_nothing_is_said_does_not_count() -> None:
    assert read_person(says(email="a@b.test").body) == (Presence.KNOWN, Person())


def test_who_is_disabled_is_not_to_be_reached() -> None:
    said = says(email="a@b.test", email_verified=True, disabled=True)
    assert read_person(said.body) == (Presence.DISABLED, None)


@pytest.mark.parametrize("disabled", ["true", "false", 0, 1, None, []])
def test_disabled_that_could_mean_anything_is_no_answer(disabled: object) -> None:
    with pytest.raises(HookFailed, match="neither true nor false"):
        read_person(says(disabled=disabled).body)


async def test_nobody_on_record_is_unknown(system: System, opened: Open) -> None:
    directory = opened()
    assert await directory.presence(ADA) is Presence.UNKNOWN
    assert await directory.look_up(caller()) is None


@pytest.mark.parametrize("reply", [Reply(500), Reply(401), Reply(204), Reply(200, b"[]"), Reply(200, b""), HANG_UP])
async def test_everything_else_is_an_outage(system: System, opened: Open, reply: Reply) -> None:
    system.answer = lambda _: reply
    with pytest.raises(DirectoryUnavailable, match=r"directory at http://127\.0\.0\.1:\d+: "):
        await opened().presence(ADA)


async def test_a_log_of_an_outage_names_nobody(system: System, opened: Open) -> None:
    system.answer = lambda _: Reply(500)
    with structlog.testing.capture_logs() as logs, pytest.raises(DirectoryUnavailable):
        await opened().presence(AccountId("shop", "ada.lovelace"))
    assert len(logs) == 1
    assert "lovelace" not in str(logs)


# --- How long it counts -----------------------------------------------------------------------


async def test_an_answer_counts_for_as_long_as_configured(system: System, opened: Open, ticks: Ticks) -> None:
    system.answer = lambda _: KNOWN
    directory = opened(max_stale=60.0)
    for now, asked in ((0.0, 1), (29.9, 1), (90.0, 2)):
        ticks.now = now
        assert await directory.presence(ADA) is Presence.KNOWN
        assert len(system.questions) == asked


async def test_who_was_disabled_is_out_after_max_stale(system: System, opened: Open, ticks: Ticks) -> None:
    system.answer = lambda _: KNOWN
    directory = opened(max_stale=60.0)
    assert await directory.presence(ADA) is Presence.KNOWN
    system.answer = lambda _: GONE
    ticks.now = 60.0
    assert await directory.presence(ADA) is Presence.DISABLED


async def test_past_half_its_time_an_answer_is_fetched_anew_and_nobody_waits(
    system: System, opened: Open, ticks: Ticks
) -> None:
    system.answer = lambda _: KNOWN
    directory = opened(max_stale=60.0)
    await directory.presence(ADA)
    system.held, system.answer = asyncio.Event(), lambda _: GONE
    ticks.now = 30.0
    for _ in range(5):
        assert await directory.presence(ADA) is Presence.KNOWN
    await asked_again(system, 2)
    system.held.set()
    await is_out(directory)
    assert await directory.presence(ADA) is Presence.DISABLED
    assert len(system.questions) == 2


async def test_an_answer_counts_from_the_moment_of_asking(system: System, opened: Open, ticks: Ticks) -> None:
    system.answer = lambda _: KNOWN
    directory, system.held = opened(max_stale=60.0), asyncio.Event()
    asking = started(directory.presence(ADA))
    await asked_again(system, 1)
    ticks.now = 50.0
    system.held.set()
    await asking
    ticks.now, system.answer = 60.0, lambda _: GONE
    assert await directory.presence(ADA) is Presence.DISABLED


async def test_without_any_staleness_every_call_asks(system: System, opened: Open) -> None:
    system.answer = lambda _: KNOWN
    directory = opened(max_stale=0.0)
    assert await directory.presence(ADA) is Presence.KNOWN
    system.answer = lambda _: GONE
    assert await directory.presence(ADA) is Presence.DISABLED


async def test_somebody_who_is_being_created_is_not_unknown_for_long(
    system: System, opened: Open, ticks: Ticks
) -> None:
    directory = opened(max_stale=60.0)
    assert await directory.presence(ADA) is Presence.UNKNOWN
    system.answer, ticks.now = lambda _: KNOWN, UNKNOWN_FOR
    assert await directory.presence(ADA) is Presence.KNOWN


async def test_people_are_told_apart(system: System, opened: Open) -> None:
    def answer(question: Question) -> Reply:
        return GONE if question.asked == {"realm": "shop", "subject": "bob"} else KNOWN

    system.answer = answer
    directory = opened()
    assert await directory.presence(BOB) is Presence.DISABLED
    assert await directory.presence(ADA) is Presence.KNOWN
    assert await directory.presence(AccountId("desk", "bob")) is Presence.KNOWN


async def test_who_called_longest_ago_is_forgotten_first(system: System, opened: Open) -> None:
    directory = opened(size=2)
    for subject in ("a", "b", "a", "c", "a", "b"):
        await directory.presence(AccountId("shop", subject))
    assert [question.asked["subject"] for question in system.questions] == ["a", "b", "c", "b"]


# --- At the same time -------------------------------------------------------------------------


async def test_one_person_is_asked_about_once_at_a_time(system: System, opened: Open) -> None:
    system.held, system.answer = asyncio.Event(), lambda _: KNOWN
    directory = opened()
    asking = [started(directory.presence(ADA)) for _ in range(20)]
    await asked_again(system, 1)
    system.held.set()
    assert set(await asyncio.gather(*asking)) == {Presence.KNOWN}
    assert len(system.questions) == 1


async def test_a_caller_that_goes_away_does_not_take_the_answer_along(system: System, opened: Open) -> None:
    system.held, system.answer = asyncio.Event(), lambda _: KNOWN
    directory = opened()
    first, second = started(directory.presence(ADA)), started(directory.presence(ADA))
    await asked_again(system, 1)
    first.cancel()
    system.held.set()
    assert await second is Presence.KNOWN
    assert first.cancelled()


async def test_there_is_a_most_for_what_is_asked_at_a_time(
    system: System, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mfa_gateway.directory.remote.MAX_ASKED", 1)
    system.held, system.answer = asyncio.Event(), lambda _: KNOWN
    directory = opened()
    first = started(directory.presence(ADA))
    await asked_again(system, 1)
    with pytest.raises(DirectoryUnavailable, match="being asked about already"):
        await directory.presence(BOB)
    system.held.set()
    assert await first is Presence.KNOWN
    assert MAX_ASKED > 100


async def test_what_is_under_way_ends_with_the_gateway(system: System, opened: Open) -> None:
    system.held = asyncio.Event()
    directory = opened()
    asking = started(directory.presence(ADA))
    await asked_again(system, 1)
    await directory.close()
    with pytest.raises(DirectoryUnavailable, match="being stopped"):
        await asking


# --- Outages ----------------------------------------------------------------------------------


async def test_an_outage_is_survived_while_the_answer_counts_and_no_longer(
    system: System, opened: Open, ticks: Ticks
) -> None:
    system.answer = lambda _: KNOWN
    directory = opened(max_stale=60.0)
    await directory.presence(ADA)
    system.answer = lambda _: Reply(500)
    for now in (30.0, 45.0, 59.9):
        ticks.now = now
        assert await directory.presence(ADA) is Presence.KNOWN
        await is_out(directory)
    ticks.now = 60.0
    with pytest.raises(DirectoryUnavailable, match="status 500"):
        await directory.presence(ADA)


async def test_a_system_that_does_not_answer_is_left_alone_for_a_moment(
    system: System, opened: Open, ticks: Ticks
) -> None:
    system.answer = lambda _: HANG_UP
    directory = opened()
    with pytest.raises(DirectoryUnavailable, match="broke"):
        await directory.presence(ADA)
    asked = len(system.questions)
    with pytest.raises(DirectoryUnavailable, match="a moment ago"):
        await directory.presence(BOB)
    assert len(system.questions) == asked
    system.answer, ticks.now = lambda _: KNOWN, PAUSE
    assert await directory.presence(BOB) is Presence.KNOWN


async def test_who_is_remembered_gets_in_while_it_is_left_alone(system: System, opened: Open, ticks: Ticks) -> None:
    system.answer = lambda _: KNOWN
    directory = opened()
    await directory.presence(ADA)
    system.answer = lambda _: HANG_UP
    with pytest.raises(DirectoryUnavailable):
        await directory.presence(BOB)
    ticks.now = 40.0
    asked = len(system.questions)
    assert await directory.presence(ADA) is Presence.KNOWN
    await is_out(directory)
    ticks.now = 40.0 + PAUSE / 2
    assert await directory.presence(ADA) is Presence.KNOWN
    # One question, sent twice because the kept connection might have been the reason.
    assert len(system.questions) - asked <= 2


async def test_a_person_of_whom_nothing_usable_is_said_is_not_asked_about_at_every_call(
    system: System, opened: Open, ticks: Ticks
) -> None:
    system.answer = lambda _: Reply(500)
    directory = opened()
    for _ in range(5):
        with pytest.raises(DirectoryUnavailable, match="status 500"):
            await directory.presence(ADA)
    assert len(system.questions) == 1
    system.answer, ticks.now = lambda _: KNOWN, PAUSE
    assert await directory.presence(ADA) is Presence.KNOWN


async def test_an_answer_that_still_counts_is_not_asked_about_at_every_call_either(
    system: System, opened: Open, ticks: Ticks
) -> None:
    system.answer = lambda _: KNOWN
    directory = opened(max_stale=60.0)
    await directory.presence(ADA)
    system.answer, ticks.now = lambda _: Reply(500), 30.0
    for _ in range(5):
        assert await directory.presence(ADA) is Presence.KNOWN
        await is_out(directory)
    assert len(system.questions) == 2
    ticks.now = 30.0 + PAUSE
    assert await directory.presence(ADA) is Presence.KNOWN
    await is_out(directory)
    assert len(system.questions) == 3


async def test_a_flawed_answer_for_one_person_does_not_keep_others_out(system: System, opened: Open) -> None:
    system.answer = lambda question: Reply(500) if question.asked["subject"] == "ada" else KNOWN
    directory = opened()
    with pytest.raises(DirectoryUnavailable):
        await directory.presence(ADA)
    assert await directory.presence(BOB) is Presence.KNOWN
