"""Accounts as an operator keeps, records, resets and looks at them."""

import pytest

from mfa_gateway.state.scripts import KEEP, RECORD, RESET, SHOW
from tests.state.lua.desk import NOW, Desk

# --- Recording ---------------------------------------------------------------------------------


async def record(desk: Desk, *factors: str) -> object:
    return await desk.run(RECORD, ("account", "code", "another"), "SEALED", *factors)


async def test_a_record_alone_begins_no_epoch(desk: Desk) -> None:
    assert await record(desk) == 0
    assert await desk.fields("account") == {"recorded": "1", "record": "SEALED"}
    await desk.put("account", {"epoch": "3"})
    assert await record(desk) == 3


async def test_factors_that_are_vouched_for_are_active_with_one_enrolment_each_in_a_new_epoch(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3", "email:sealed": "0f:FF", "email:added:0f": "5", "email:used:0f": "6"})
    for key in ("code", "another"):
        await desk.ask("SET", key, "x")
    assert await record(desk, "email", "0a", "AA", "totp", "0b", "BB") == 4
    assert await desk.fields("account") == {
        "epoch": "4", "recorded": "1", "record": "SEALED",
        "email": "active", "email:sealed": "0a:AA", "email:added:0a": str(NOW),
        "totp": "active", "totp:sealed": "0b:BB", "totp:added:0b": str(NOW),
    }  # fmt: skip
    assert await desk.ask("EXISTS", "code", "another") == 0


async def test_what_is_known_of_the_same_secret_stays_known(desk: Desk) -> None:
    known = {"totp:step:0b": "7", "totp:used:0b": "8", "totp:added:0b": "9"}
    await desk.put("account", {"totp": "off", **known})
    await record(desk, "totp", "0b", "BB")
    found = await desk.fields("account")
    assert {name: found.get(name) for name in known} == known


# --- Resetting ---------------------------------------------------------------------------------


async def test_factors_are_reset_with_everything_in_a_new_epoch_and_the_record_stays(desk: Desk) -> None:
    fields = {"email": "active", "email:sealed": "0a:AA", "sms": "active", "emailing": "x", "record": "SEALED"}
    await desk.put("account", fields)
    for key in ("code", "another"):
        await desk.ask("SET", key, "x")
    assert await desk.run(RESET, ("account", "code", "another"), "email") == 1
    assert await desk.fields("account") == {"epoch": "1", "sms": "active", "emailing": "x", "record": "SEALED"}
    assert await desk.ask("EXISTS", "code", "another") == 0


# --- Keeping -----------------------------------------------------------------------------------


async def keep(
    desk: Desk,
    *,
    own: dict[str, str] | None = None,
    give_up: tuple[str, ...] = (),
    read: dict[str, str] | None = None,
    write: dict[str, str] | None = None,
    remove: tuple[str, ...] = (),
    activate: tuple[tuple[str, str, str], ...] = (),
    deactivate: tuple[str, ...] = (),
    begins_epoch: bool = False,
) -> object:
    own, read, write = own or {}, read or {}, write or {}
    words: list[str | int] = ["tag", len(own), len(give_up), "1" if begins_epoch else "", *own.values()]
    for pairs in (read, write):
        words += [len(pairs), *(word for pair in pairs.items() for word in pair)]
    words += [len(remove), *remove, len(activate), *(word for three in activate for word in three)]
    words += [len(deactivate), *deactivate]
    return await desk.run(KEEP, ("account", "set", *own, *give_up, "code", "another"), *words)


async def test_nothing_wanted_changes_nothing_but_what_becomes_worthless(desk: Desk) -> None:
    for key in ("code", "another"):
        await desk.ask("SET", key, "x")
    assert await keep(desk) == ["kept"]
    assert await desk.ask("KEYS", "*") == []


async def test_everything_that_is_wanted_is_done(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3", "old": "x", "older": "x", "sms": "active", "sms:sealed": "0c:CC"})
    await desk.put("account", {"email:sealed": "0f:FF", "totp": "active", "profile": "p"})
    await desk.ask("SET", "login-9", "tag:ME")
    for key in ("code", "another"):
        await desk.ask("SET", key, "x")
    wanted = await keep(
        desk,
        own={"login-1": "ME1", "login-2": "ME2"},
        give_up=("login-9", "login-8"),
        read={"old": "x", "missing": ""},
        write={"record": "SEALED", "recorded": "1"},
        remove=("old", "older"),
        activate=(("email", "0a", "AA"), ("push", "0b", "BB")),
        deactivate=("sms", "backup"),
        begins_epoch=True,
    )
    assert wanted == ["kept"]
    assert await desk.fields("account") == {
        "epoch": "4", "record": "SEALED", "recorded": "1", "totp": "active", "profile": "p",
        "email": "active", "email:sealed": "0a:AA", "email:added:0a": str(NOW),
        "push": "active", "push:sealed": "0b:BB", "push:added:0b": str(NOW),
    }  # fmt: skip
    assert [await desk.ask("GET", key) for key in ("login-1", "login-2")] == ["tag:ME1", "tag:ME2"]
    assert await desk.ask("EXISTS", "login-8", "login-9", "code", "another") == 0


async def test_without_an_epoch_of_its_own_the_old_one_goes_on(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    await keep(desk, write={"record": "SEALED"})
    assert (await desk.fields("account"))["epoch"] == "3"


@pytest.mark.parametrize("read", [{"record": "other"}, {"record": ""}, {"record": "SEALED", "missing": "x"}])
async def test_what_has_changed_since_it_was_read_is_stale_and_nothing_is_done(
    desk: Desk, read: dict[str, str]
) -> None:
    await desk.put("account", {"record": "SEALED"})
    await desk.ask("SET", "code", "x")
    assert await keep(desk, own={"login-1": "ME"}, read=read, write={"new": "x"}) == ["stale"]
    assert await desk.fields("account") == {"record": "SEALED"}
    assert await desk.ask("EXISTS", "login-1", "code") == 1


async def test_login_ids_of_somebody_else_are_named_and_nothing_is_done(desk: Desk) -> None:
    await desk.ask("SET", "login-1", "gat:YOU")
    await desk.ask("SET", "login-2", "tag:ME")
    await desk.ask("SET", "login-4", "gat:YOU")
    own = {f"login-{number}": "ME" for number in (1, 2, 3, 4)}
    assert await keep(desk, own=own, write={"new": "x"}) == ["taken", 1, 4]
    assert await desk.left("account") == -2
    assert await desk.left("login-3") == -2


async def test_a_login_id_that_is_owned_already_stays_as_it_is(desk: Desk) -> None:
    await desk.ask("SET", "login-1", "tag:ME")
    assert await keep(desk, own={"login-1": "AGAIN"}) == ["kept"]
    assert await desk.ask("GET", "login-1") == "tag:ME"


async def test_a_login_id_of_somebody_else_is_not_given_up_for_them(desk: Desk) -> None:
    await desk.ask("SET", "login-1", "gat:YOU")
    assert await keep(desk, give_up=("login-1",)) == ["kept"]
    assert await desk.ask("GET", "login-1") == "gat:YOU"


async def test_paper_goes_with_the_last_factor_and_stays_with_any(desk: Desk) -> None:
    await desk.put("account", {"email": "active", "sms": "active", "backup": "active"})
    await desk.ask("SADD", "set", "c1")
    await keep(desk, deactivate=("email",))
    assert await desk.left("set") == -1
    await keep(desk, deactivate=("sms",))
    assert await desk.fields("account") == {}
    assert await desk.left("set") == -2


# --- Looking -----------------------------------------------------------------------------------


async def show(desk: Desk) -> object:
    return await desk.run(SHOW, ("account", "a1", "b1", "a2", "b2"), "epoch", "missing")


async def test_of_an_account_of_which_nothing_is_known_nothing_is_shown(desk: Desk) -> None:
    assert await show(desk) == [[None, None], [0, 0, 0, 0, 0, 0]]


async def test_each_budget_is_shown_with_attempts_ban_and_how_many_bans_there_were(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    await desk.ask("RPUSH", "a1", "x", "x")
    await desk.put("b1", {"until": NOW + 500, "times": 2})
    await desk.put("b2", {"until": NOW + 1, "times": 4, "short": NOW + 700})
    assert await show(desk) == [["3", None], [2, 500, 2, 0, 700, 4]]


async def test_a_ban_that_is_over_is_not_shown(desk: Desk) -> None:
    await desk.put("b1", {"until": NOW, "short": NOW - 1, "times": 1})
    assert await show(desk) == [[None, None], [0, 0, 1, 0, 0, 0]]
