"""Epochs, sessions, logins and passages: each good in its epoch, and for exactly as long as it was to be."""

import pytest

from mfa_gateway.state.scripts import (
    BEGIN_PASSAGE,
    CLOSE_SESSION,
    FAREWELL,
    FINISH_PASSAGE,
    FORESEE,
    KEEP_ONCE,
    LOGGED_IN,
    LOGIN,
    OPEN_SESSION,
    RECALL,
    REVOKE,
    SESSION,
    SWITCH,
    USE,
    Script,
)
from tests.state.lua.desk import NOW, Desk

DAY = 86_400_000


# --- Epochs ------------------------------------------------------------------------------------


async def test_each_revocation_and_each_switch_begins_an_epoch_of_its_own(desk: Desk) -> None:
    assert await desk.run(REVOKE, ("account",)) == 1
    assert await desk.run(SWITCH, ("account",), "disable") == 2
    assert await desk.fields("account") == {"epoch": "2", "disabled": "1"}
    assert await desk.run(SWITCH, ("account",), "enable") == 3
    assert await desk.fields("account") == {"epoch": "3"}


async def test_a_farewell_moves_the_epoch_once_while_it_is_remembered(desk: Desk) -> None:
    assert await desk.run(FAREWELL, ("account", "said"), 1_000) == 1
    assert await desk.left("said") == 1_000
    assert await desk.run(FAREWELL, ("account", "said"), 1_000) == 0
    assert (await desk.fields("account"))["epoch"] == "1"
    desk.wait(1_001)
    assert await desk.run(FAREWELL, ("account", "said"), 1_000) == 1


async def test_the_first_use_is_the_only_one_while_it_could_be_shown_again(desk: Desk) -> None:
    assert [await desk.run(USE, ("it",), 1_000) for _ in range(2)] == [1, 0]
    desk.wait(1_001)
    assert await desk.run(USE, ("it",), 1_000) == 1


async def test_what_is_kept_once_is_the_first_and_looking_keeps_nothing(desk: Desk) -> None:
    assert await desk.run(KEEP_ONCE, ("it",), "") is None
    assert await desk.left("it") == -2
    assert await desk.run(KEEP_ONCE, ("it",), "one") == "one"
    assert await desk.run(KEEP_ONCE, ("it",), "two") == "one"
    assert await desk.run(KEEP_ONCE, ("it",), "") == "one"


# --- Recall ------------------------------------------------------------------------------------


async def test_recalled_are_the_clock_the_fields_and_the_proofs_of_this_epoch_with_their_ages(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3", "email": "active"})
    proofs = {"email": f"{NOW - 1_500}:3:aa:bb", "sms": f"{NOW}:2:aa:bb", "totp": f"{NOW + 5}:3:aa:bb"}
    await desk.put("proofs", proofs)
    assert await desk.run(RECALL, ("account", "proofs"), "epoch", "email", "sms") == [
        NOW,
        ["3", "active", None],
        ["email", 1_500, "totp", -5],
    ]


async def test_of_an_unknown_account_proofs_of_epoch_zero_count(desk: Desk) -> None:
    await desk.put("proofs", {"email": f"{NOW}:0:aa:bb", "sms": f"{NOW}:1:aa:bb"})
    assert await desk.run(RECALL, ("account", "proofs"), "epoch") == [NOW, [None], ["email", 0]]


@pytest.mark.parametrize(
    ("script", "keys", "words"),
    [
        (RECALL, ("account", "proofs"), ("epoch",)),
        (FORESEE, ("account", "proofs", "known", "own", "bans"), ("epoch",)),
        (SESSION, ("account", "session"), (DAY,)),
    ],
    ids=lambda given: given.name if isinstance(given, Script) else None,
)
async def test_a_look_at_an_account_is_a_write_so_that_no_replica_answers_it(
    desk: Desk, script: Script, keys: tuple[str, ...], words: tuple[str | int, ...]
) -> None:
    await desk.put("account", {"epoch": "3"})
    await desk.ask("PEXPIRE", "account", 1_000)
    await desk.run(script, keys, *words)
    assert await desk.left("account") == -1


# --- Sessions ----------------------------------------------------------------------------------


async def open_session(desk: Desk, epoch: str = "3", life: int | str = 1_000) -> object:
    return await desk.run(OPEN_SESSION, ("account", "session", "login"), epoch, "tt", "SEALED", life, 300, DAY)


async def look(desk: Desk) -> object:
    return await desk.run(SESSION, ("account", "session"), DAY)


async def test_a_session_is_open_for_its_life_with_a_login_that_is_recent_for_a_while(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    assert await open_session(desk) == 1
    assert await desk.fields("session") == {"epoch": "3", "at": str(NOW), "token": "tt", "sealed": "SEALED"}
    assert await desk.ask("GET", "login") == f"3:{NOW}"
    assert (await desk.left("session"), await desk.left("login")) == (1_000, 300)
    desk.wait(400)
    assert await look(desk) == [400, 600, "tt", "SEALED"]


async def test_a_session_is_not_opened_in_another_epoch_or_for_a_disabled_account(desk: Desk) -> None:
    assert await open_session(desk) == 0
    await desk.put("account", {"epoch": "3", "disabled": "1"})
    assert await open_session(desk) == 0
    assert await desk.ask("EXISTS", "session", "login") == 0


async def test_a_session_of_a_new_account_is_opened_and_found_in_epoch_zero(desk: Desk) -> None:
    assert await open_session(desk, "0") == 1
    assert await look(desk) == [0, 1_000, "tt", "SEALED"]


async def test_a_session_that_lasts_until_it_is_closed_says_so_and_is_kept_by_looking_at_it(desk: Desk) -> None:
    assert await open_session(desk, "0", "") == 1
    desk.wait(DAY // 2)
    assert await look(desk) == [DAY // 2, -1, "tt", "SEALED"]
    assert await desk.left("session") == DAY // 2
    desk.wait(DAY // 2 + 1)
    await look(desk)
    assert await desk.left("session") == DAY


async def test_looking_does_not_prolong_a_session_with_an_end(desk: Desk) -> None:
    await open_session(desk, "0")
    desk.wait(900)
    await look(desk)
    assert await desk.left("session") == 100


async def test_a_session_is_never_younger_than_new(desk: Desk) -> None:
    await open_session(desk, "0")
    desk.wait(-50)
    assert await look(desk) == [0, 1_050, "tt", "SEALED"]


async def test_a_session_of_an_old_epoch_or_of_none_is_over(desk: Desk) -> None:
    assert await look(desk) is None
    await open_session(desk, "0")
    await desk.run(REVOKE, ("account",))
    assert await look(desk) is None


async def test_closing_a_session_takes_its_login_and_proofs_along(desk: Desk) -> None:
    await open_session(desk, "0")
    await desk.put("proofs", {"email": "x"})
    keys = ("account", "session", "login", "proofs")
    assert await desk.run(CLOSE_SESSION, keys) == 1
    assert await desk.ask("EXISTS", *keys) == 0
    assert await desk.run(CLOSE_SESSION, keys) == 0


# --- Logins ------------------------------------------------------------------------------------


async def logged_in(desk: Desk) -> object:
    return await desk.run(LOGGED_IN, ("account", "login"))


async def test_a_login_is_as_old_as_it_is_and_gone_when_it_is_recent_no_more(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    assert await desk.run(LOGIN, ("account", "login"), 300) == 1
    assert await desk.ask("GET", "login") == f"3:{NOW}"
    assert await desk.left("login") == 300
    assert await logged_in(desk) == 0
    desk.wait(299)
    assert await logged_in(desk) == 299
    desk.wait(301)
    assert await logged_in(desk) == -1


async def test_a_login_of_a_new_account_counts_until_its_epoch_moves(desk: Desk) -> None:
    await desk.run(LOGIN, ("account", "login"), 300)
    assert await logged_in(desk) == 0
    await desk.run(REVOKE, ("account",))
    assert await logged_in(desk) == -1


async def test_a_login_in_the_future_is_none(desk: Desk) -> None:
    await desk.run(LOGIN, ("account", "login"), 300)
    desk.wait(-1)
    assert await logged_in(desk) == -1
    desk.wait(-2)
    assert await logged_in(desk) == -1


# --- Passages ----------------------------------------------------------------------------------


async def begin(desk: Desk, epoch: str = "3", life: int = 1_000) -> object:
    return await desk.run(BEGIN_PASSAGE, ("account", "passage"), epoch, life)


async def finish(desk: Desk) -> object:
    return await desk.run(FINISH_PASSAGE, ("account", "passage"), "sms")


async def test_a_passage_begins_in_the_epoch_of_whoever_asks_and_lasts_as_long_as_it_may(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    assert await begin(desk) == [3, "", 0]
    assert await desk.fields("passage") == {"epoch": "3"}
    assert await desk.left("passage") == 1_000
    desk.wait(400)
    assert await begin(desk) == [3, "", 0]
    assert await desk.left("passage") == 600


async def test_a_passage_of_a_new_account_is_of_epoch_zero(desk: Desk) -> None:
    assert await begin(desk, "0") == [0, "", 0]
    assert await finish(desk) == [0, "sms", 0]


async def test_a_passage_says_which_factor_was_shown_in_it_and_how_long_ago(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    await begin(desk)
    assert await finish(desk) == [3, "sms", 0]
    assert await desk.fields("passage") == {"epoch": "3", "second": "sms", "shown": str(NOW)}
    desk.wait(400)
    assert await begin(desk) == [3, "sms", 400]
    desk.wait(-400)
    assert await begin(desk) == [3, "sms", 0]


async def test_a_factor_that_was_shown_a_while_ago_is_as_old_as_it_is(desk: Desk) -> None:
    await desk.put("passage", {"epoch": "0", "second": "sms", "shown": NOW - 400})
    assert await begin(desk, "0") == [0, "sms", 400]


async def test_a_passage_lives_on_for_whoever_changed_a_factor_in_it(desk: Desk) -> None:
    await desk.put("account", {"epoch": "4"})
    await desk.put("passage", {"epoch": "4"})
    assert await begin(desk, "3") == [4, "", 0]


async def test_a_passage_of_another_epoch_is_over(desk: Desk) -> None:
    await desk.put("account", {"epoch": "4"})
    assert await begin(desk, "3") is None
    await desk.put("passage", {"epoch": "3"})
    assert await begin(desk, "4") is None
    assert await finish(desk) is None
    assert await desk.fields("passage") == {"epoch": "3"}


async def test_there_is_no_passage_through_a_disabled_account(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3", "disabled": "1"})
    assert await begin(desk) is None
    await desk.put("passage", {"epoch": "3"})
    assert await begin(desk) is None
    assert await finish(desk) is None


async def test_what_has_to_have_begun_is_not_begun_by_looking(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    assert await begin(desk, life=0) is None
    assert await desk.left("passage") == -2
    await desk.put("passage", {"epoch": "3"})
    assert await begin(desk, life=0) == [3, "", 0]


async def test_where_nothing_began_nothing_is_finished(desk: Desk) -> None:
    assert await finish(desk) is None
    assert await desk.left("passage") == -2
