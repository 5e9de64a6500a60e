"""What an account has: made pending, active, exchanged and taken away, each decided in the epoch it was asked in."""

from collections.abc import Awaitable, Callable

import pytest

from mfa_gateway.state.scripts import AMEND, ATTACH, BACKUP, DETACH, ENROL, INVENTORY, RESUME, WITHDRAW
from tests.state.lua.desk import NOW, Desk

Take = Callable[..., Awaitable[object]]


async def account(desk: Desk, **fields: str) -> None:
    await desk.put("account", {"email": "active", "email:sealed": "0a:AA", **fields})


# --- Amend -------------------------------------------------------------------------------------


async def test_an_enrolment_is_exchanged_in_its_place(desk: Desk) -> None:
    await account(desk, epoch="3", **{"email:sealed": "0a:AA 0b:BB 0c:CC"})
    assert await desk.run(AMEND, ("account",), "3", "email", "0b", "new") == 1
    assert (await desk.fields("account"))["email:sealed"] == "0a:AA 0b:new 0c:CC"


async def test_an_account_without_an_epoch_is_in_that_of_number_zero(desk: Desk) -> None:
    await account(desk)
    assert await desk.run(AMEND, ("account",), "0", "email", "0a", "new") == 1
    assert (await desk.fields("account"))["email:sealed"] == "0a:new"


@pytest.mark.parametrize(
    ("fields", "name"),
    [({"epoch": "4"}, "0a"), ({"epoch": "3", "disabled": "1"}, "0a"), ({"epoch": "3"}, "0b")],
    ids=["another epoch", "disabled", "another enrolment"],
)
async def test_nothing_is_exchanged_in_an_account_that_has_changed(
    desk: Desk, fields: dict[str, str], name: str
) -> None:
    await account(desk, **fields)
    assert await desk.run(AMEND, ("account",), "3", "email", name, "new") == 0
    assert (await desk.fields("account"))["email:sealed"] == "0a:AA"


# --- Attach ------------------------------------------------------------------------------------


async def test_one_more_is_attached_behind_the_others_in_a_new_epoch(desk: Desk) -> None:
    await account(desk, epoch="3")
    assert await desk.run(ATTACH, ("account",), "email", "0b", "BB", 2) == 1
    assert await desk.fields("account") == {
        "epoch": "4",
        "recorded": "1",
        "email": "active",
        "email:sealed": "0a:AA 0b:BB",
        "email:added:0b": str(NOW),
    }


async def test_what_a_factor_kept_while_it_was_off_is_not_attached_to(desk: Desk) -> None:
    await account(desk, email="pending")
    assert await desk.run(ATTACH, ("account",), "email", "0b", "BB", 1) == 1
    assert (await desk.fields("account"))["email:sealed"] == "0b:BB"


async def test_what_a_factor_has_or_has_no_room_for_is_not_attached(desk: Desk) -> None:
    await account(desk)
    before = await desk.fields("account")
    assert await desk.run(ATTACH, ("account",), "email", "0a", "BB", 2) == -1
    assert await desk.run(ATTACH, ("account",), "email", "0b", "BB", 1) == -2
    assert await desk.fields("account") == before


# --- Backup ------------------------------------------------------------------------------------


async def backup(desk: Desk, epoch: str = "3") -> object:
    return await desk.run(BACKUP, ("account", "set", "session"), epoch, "20", "c1", "c2")


async def test_a_first_set_is_made_and_voids_nothing(desk: Desk) -> None:
    await account(desk, epoch="3")
    assert await backup(desk) == 1
    found = await desk.fields("account")
    assert (found["epoch"], found["backup"], found["backup:level"]) == ("3", "active", "20")
    assert found["backup:added:"] == str(NOW)
    assert await desk.ask("SORT", "set", "ALPHA") == ["c1", "c2"]


async def test_a_second_set_replaces_the_first_in_a_new_epoch_and_was_never_used(desk: Desk) -> None:
    await account(desk, epoch="3", **{"backup": "active", "backup:used:": "5"})
    await desk.ask("SADD", "set", "old")
    await desk.put("session", {"epoch": "3"})
    assert await backup(desk) == 1
    assert await desk.ask("SORT", "set", "ALPHA") == ["c1", "c2"]
    found = await desk.fields("account")
    assert found["epoch"] == "4"
    assert "backup:used:" not in found
    assert (await desk.fields("session"))["epoch"] == "4"


async def test_a_session_of_another_epoch_does_not_come_along(desk: Desk) -> None:
    await account(desk, epoch="3", backup="active")
    await desk.put("session", {"epoch": "2"})
    await backup(desk)
    assert (await desk.fields("session"))["epoch"] == "2"


async def test_the_session_of_an_account_without_an_epoch_comes_along(desk: Desk) -> None:
    await account(desk, backup="active")
    await desk.put("session", {"epoch": "0"})
    assert await backup(desk, "0") == 1
    assert (await desk.fields("session"))["epoch"] == "1"


@pytest.mark.parametrize("factor", ["email", "sms", "totp"])
async def test_a_set_stands_beside_any_other_factor(desk: Desk, factor: str) -> None:
    await desk.put("account", {factor: "active"})
    assert await backup(desk, "0") == 1


async def test_a_set_never_stands_alone(desk: Desk) -> None:
    await desk.put("account", {"email": "pending", "totp": "off"})
    assert await backup(desk, "0") == 0
    assert await desk.left("set") == -2


async def test_a_set_is_not_made_in_another_epoch_or_for_a_disabled_account(desk: Desk) -> None:
    await account(desk, epoch="4")
    assert await backup(desk) == 0
    await account(desk, epoch="3", disabled="1")
    assert await backup(desk) == 0
    assert await desk.left("set") == -2


async def test_an_operator_may_make_a_set_in_any_epoch_and_for_a_disabled_account(desk: Desk) -> None:
    await account(desk, epoch="7", disabled="1")
    assert await backup(desk, "") == 1


# --- Enrol -------------------------------------------------------------------------------------


async def enrol(desk: Desk, name: str = "0b", *, epoch: str = "3", most: int = 2, shows: str = "1") -> object:
    keys = ("account", "code", "pending")
    return await desk.run(ENROL, keys, epoch, "email", name, "BB", 600_000, most, shows)


async def test_what_is_pending_says_what_it_is_since_when_and_for_how_long(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    assert await enrol(desk) == 1
    assert await desk.fields("pending") == {
        "id": "0b",
        "sealed": "BB",
        "epoch": "3",
        "at": str(NOW),
        "life": "600000",
    }
    assert await desk.left("pending") == 600_000
    assert await desk.fields("account") == {"epoch": "3", "email": "pending"}


async def test_nothing_that_was_pending_before_is_left(desk: Desk) -> None:
    await desk.put("pending", {"id": "0c", "more": "1"})
    await desk.put("account", {"epoch": "3"})
    await enrol(desk)
    assert "more" not in await desk.fields("pending")


async def test_a_factor_that_shows_nothing_of_it_stays_as_it_was(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    assert await enrol(desk, shows="") == 1
    assert await desk.fields("account") == {"epoch": "3"}


async def test_a_factor_that_is_active_stays_so_while_another_is_pending(desk: Desk) -> None:
    await account(desk, epoch="3")
    assert await enrol(desk) == 1
    assert (await desk.fields("account"))["email"] == "active"


async def test_a_code_for_another_address_activates_nothing(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    await desk.put("pending", {"id": "0c"})
    await desk.ask("SET", "code", "x")
    await enrol(desk)
    assert await desk.left("code") == -2


async def test_a_code_for_the_same_address_stays_good(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    await desk.put("pending", {"id": "0b"})
    await desk.ask("SET", "code", "x")
    await enrol(desk)
    assert await desk.ask("GET", "code") == "x"


async def test_what_the_factor_has_is_not_pending_again(desk: Desk) -> None:
    await account(desk, epoch="3")
    assert await enrol(desk, "0a") == -1
    assert await desk.left("pending") == -2


async def test_what_a_factor_that_is_off_had_may_be_pending(desk: Desk) -> None:
    await account(desk, epoch="3", email="off")
    assert await enrol(desk, "0a") == 1


async def test_a_factor_takes_as_many_as_it_may_have_and_no_more(desk: Desk) -> None:
    await account(desk, epoch="3")
    assert await enrol(desk, most=2) == 1
    assert await enrol(desk, most=1) == -2


async def test_a_factor_that_is_off_is_never_full(desk: Desk) -> None:
    await account(desk, epoch="3", email="off")
    assert await enrol(desk, most=1) == 1


async def test_nothing_becomes_pending_in_another_epoch_or_for_a_disabled_account(desk: Desk) -> None:
    await desk.put("account", {"epoch": "4"})
    assert await enrol(desk) == 0
    await desk.put("account", {"epoch": "3", "disabled": "1"})
    assert await enrol(desk) == 0
    assert await desk.left("pending") == -2


async def test_the_first_thing_of_an_account_is_enrolled_in_epoch_zero(desk: Desk) -> None:
    assert await enrol(desk, epoch="0") == 1


# --- What is pending ---------------------------------------------------------------------------


async def pend(desk: Desk, epoch: str = "0", at: int = NOW) -> None:
    await desk.put("pending", {"id": "0b", "sealed": "BB", "epoch": epoch, "at": at, "life": 1_000})


@pytest.mark.parametrize(
    ("waited", "expected"), [(-1, []), (0, ["0b", "BB"]), (1, ["0b", "BB"]), (999, ["0b", "BB"]), (1_000, [])]
)
async def test_what_is_pending_is_so_for_its_whole_life_and_no_longer(
    desk: Desk, waited: int, expected: list[str]
) -> None:
    await pend(desk)
    desk.wait(waited)
    assert await desk.run(RESUME, ("account", "pending")) == expected


async def test_what_was_pending_in_another_epoch_is_not(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    await pend(desk, "2")
    assert await desk.run(RESUME, ("account", "pending")) == []
    await pend(desk, "3")
    assert await desk.run(RESUME, ("account", "pending")) == ["0b", "BB"]


async def test_where_nothing_is_pending_there_is_nothing_to_resume(desk: Desk) -> None:
    assert await desk.run(RESUME, ("account", "pending")) == []


# --- Inventory ---------------------------------------------------------------------------------


async def inventory(desk: Desk) -> object:
    return await desk.run(INVENTORY, ("account", "set", "pending", "none"), "email", "sms")


async def test_an_account_with_nothing_has_an_inventory_that_says_so(desk: Desk) -> None:
    assert await inventory(desk) == [-1, ["", [], "", 0], ["", [], "", 0]]


async def test_everything_is_listed_with_when_it_was_added_and_used(desk: Desk) -> None:
    await account(desk, **{"email:sealed": "0a:AA 0b:BB", "email:added:0a": "5", "email:used:0b": "7"})
    await desk.ask("HSET", "account", "backup", "active", "sms:sealed", "0c:CC", "sms", "pending")
    await desk.ask("SADD", "set", "c1", "c2")
    await pend(desk)
    desk.wait(400)
    assert await inventory(desk) == [
        2,
        ["0a:AA 0b:BB", ["0a", "5", "", "0b", "", "7"], "0b:BB", 600],
        ["", [], "", 0],
    ]


async def test_a_set_on_paper_counts_only_while_backup_codes_are_active(desk: Desk) -> None:
    await desk.ask("SADD", "set", "c1")
    await desk.put("account", {"backup": "off"})
    assert await inventory(desk) == [-1, ["", [], "", 0], ["", [], "", 0]]


# --- Taking away -------------------------------------------------------------------------------


async def withdraw(desk: Desk, factor: str = "email", name: str = "", epoch: str = "3") -> object:
    return await desk.run(WITHDRAW, ("account", "set", "session", "code", "another"), factor, name, epoch)


async def detach(desk: Desk, factor: str = "email", name: str = "") -> object:
    return await desk.run(DETACH, ("account", "set", "code", "another"), factor, name)


async def furnish(desk: Desk, **fields: str) -> None:
    """An account with two addresses, an authenticator and a set of backup codes."""
    names = {"email:sealed": "0a:AA 0b:BB"}
    for kind in ("step", "used", "added"):
        names |= {f"email:{kind}:{name}": "5" for name in ("0a", "0b")}
    await account(desk, epoch="3", totp="active", **names, **fields)
    await desk.ask("HSET", "account", "totp:sealed", "0c:CC", "backup", "active", "backup:level", "10")
    await desk.ask("SADD", "set", "c1")
    for key in ("code", "another"):
        await desk.ask("SET", key, "x")
    await desk.put("session", {"epoch": "3"})


@pytest.mark.parametrize("take", [withdraw, detach])
async def test_one_enrolment_goes_with_all_that_is_known_of_it_and_the_factor_stays(desk: Desk, take: Take) -> None:
    await furnish(desk)
    assert await take(desk, name="0a") == 1
    found = await desk.fields("account")
    assert found["email:sealed"] == "0b:BB"
    assert {name for name in found if name.startswith("email:")} == {
        "email:sealed", "email:step:0b", "email:used:0b", "email:added:0b",
    }  # fmt: skip
    assert (found["epoch"], found["email"], found["totp"], found["backup"]) == ("4", "active", "active", "active")
    assert await desk.ask("EXISTS", "code", "another") == 0
    assert await desk.left("set") == -1


@pytest.mark.parametrize("take", [withdraw, detach])
async def test_a_factor_goes_with_everything_and_others_and_paper_stay(desk: Desk, take: Take) -> None:
    await furnish(desk)
    assert await take(desk) == 1
    assert await desk.fields("account") == {
        "epoch": "4", "totp": "active", "totp:sealed": "0c:CC", "backup": "active", "backup:level": "10",
    }  # fmt: skip
    assert await desk.left("set") == -1


@pytest.mark.parametrize("take", [withdraw, detach])
async def test_the_last_enrolment_takes_the_factor_along(desk: Desk, take: Take) -> None:
    await furnish(desk)
    assert await take(desk, "totp", "0c") == 1
    assert not {name for name in await desk.fields("account") if name.startswith("totp")}


@pytest.mark.parametrize("take", [withdraw, detach])
async def test_the_last_factor_takes_the_paper_along(desk: Desk, take: Take) -> None:
    await furnish(desk)
    await take(desk)
    assert await take(desk, "totp", **({"epoch": "4"} if take is withdraw else {})) == 1
    assert await desk.fields("account") == {"epoch": "5"}
    assert await desk.left("set") == -2


@pytest.mark.parametrize("take", [withdraw, detach])
async def test_paper_alone_may_be_taken_away(desk: Desk, take: Take) -> None:
    await furnish(desk)
    assert await take(desk, "backup") == 1
    found = await desk.fields("account")
    assert not {name for name in found if name.startswith("backup")}
    assert found["email"] == "active"
    assert await desk.left("set") == -2


@pytest.mark.parametrize("take", [withdraw, detach])
async def test_what_is_not_there_cannot_be_taken_away(desk: Desk, take: Take) -> None:
    await furnish(desk)
    missing = -1 if take is withdraw else 0
    assert await take(desk, "sms") == missing
    assert await take(desk, "email", "0c") == missing
    assert (await desk.fields("account"))["epoch"] == "3"
    assert await desk.ask("EXISTS", "code", "another") == 2


async def test_an_operator_takes_away_what_is_not_active_and_nobody_else_does(desk: Desk) -> None:
    await furnish(desk, sms="pending")
    assert await withdraw(desk, "sms") == -1
    assert await detach(desk, "sms") == 1


async def test_nothing_is_withdrawn_in_another_epoch_or_from_a_disabled_account(desk: Desk) -> None:
    await furnish(desk)
    assert await withdraw(desk, epoch="2") == 0
    await desk.put("account", {"disabled": "1"})
    assert await withdraw(desk) == 0
    assert (await desk.fields("account"))["email"] == "active"


async def test_something_is_withdrawn_in_epoch_zero_and_its_session_lives_on(desk: Desk) -> None:
    await account(desk)
    await desk.put("session", {"epoch": "0"})
    assert await withdraw(desk, epoch="0") == 1
    assert await desk.fields("session") == {"epoch": "1"}
