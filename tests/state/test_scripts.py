import asyncio
import re
from collections.abc import Awaitable
from importlib.resources import files
from pathlib import Path

import pytest

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.proof import Budget, Purpose, Redeemed, Rejected, Rejection
from mfa_gateway.core.quota import Quota, QuotaKind, Window
from mfa_gateway.core.session import OpenedSession
from mfa_gateway.state import AccountRecord, Store
from mfa_gateway.state.connection import pool_for
from mfa_gateway.state.line import Line
from mfa_gateway.state.scripts import ALL, RECALL, Script
from tests.state.peers import Peer, answering, listening, relaying
from tests.state.world import ADA, ADDRESS, PATIENCE, Guest, ServerWorld, World

NOSCRIPT = b"-NOSCRIPT No matching script. Please use EVAL.\r\n"


@pytest.mark.parametrize("script", ALL, ids=lambda script: script.name)
def test_every_script_says_what_it_takes_and_gives(script: Script) -> None:
    head = script.text.partition("\n\n")[0]
    assert re.search(r"^-- KEYS  ", head, re.MULTILINE)
    assert re.search(r"^-- ARGV  ", head, re.MULTILINE)
    assert re.search(r"^-- gives ", head, re.MULTILINE)


def test_every_lua_file_is_a_script_that_is_loaded() -> None:
    lua = files("mfa_gateway.state").joinpath("lua")
    found = sorted(entry.name for entry in lua.iterdir() if entry.is_file())
    assert found == sorted(f"{script.name}.lua" for script in ALL)


def test_every_part_is_put_where_it_is_asked_for() -> None:
    parts = [part.read_text() for part in files("mfa_gateway.state").joinpath("lua", "parts").iterdir()]
    for script in ALL:
        assert "-- include:" not in script.text
    assert all(any(part in script.text for script in ALL) for part in parts)


@pytest.mark.parametrize("script", ALL, ids=lambda script: script.name)
def test_scripts_use_nothing_that_some_server_lacks(script: Script) -> None:
    assert not re.search(r"\b(cmsgpack|struct|bit|cjson|server)\.", script.text)
    assert "redis.call('KEYS'" not in script.text
    assert "redis.call('SCAN'" not in script.text


async def test_scripts_are_known_to_the_server_once_the_store_is_open(store: Store, world: World) -> None:
    known = await world.ask("SCRIPT", "EXISTS", *(script.sha for script in ALL))
    assert known == [1] * len(ALL)


async def test_a_flushed_server_learns_its_scripts_again_and_counts_once(ada: Guest, world: World) -> None:
    await ada.enrol()
    await ada.issue("123456")
    await world.ask("SCRIPT", "FLUSH")
    assert await ada.present("999999") == Rejected(Rejection.WRONG)
    await world.ask("SCRIPT", "FLUSH")
    assert await ada.present("123456") == Redeemed(Factor.EMAIL)
    assert (await ada.store.show(ADA)).budgets[Budget.STEP_UP].attempts == 1


async def test_many_callers_after_a_flush_are_all_served(ada: Guest, world: World) -> None:
    await ada.enrol()
    await world.ask("SCRIPT", "FLUSH")
    standings = await asyncio.gather(*(ada.standing() for _ in range(50)))
    assert all(standing.active() == (Factor.EMAIL,) for standing in standings)


async def test_an_unknown_script_is_loaded_and_asked_once_more(folder: Path) -> None:
    async with listening(f"{folder}/s", answering(NOSCRIPT, b"+sha\r\n", b":7\r\n")) as peer:
        line = Line(
            pool_for(f"unix://{folder}/s", connect_timeout=PATIENCE),
            timeout=PATIENCE,
            connect_timeout=PATIENCE,
            clock=float,
        )
        assert await RECALL.run(line, ("key",), ("arg",)) == 7
        await line.close()
    assert peer.names == ["EVALSHA", "SCRIPT", "EVALSHA"]
    assert peer.commands[1] == [b"SCRIPT", b"LOAD", RECALL.text.encode()]


async def test_a_server_that_cannot_keep_a_script_is_a_fault(folder: Path) -> None:
    async with listening(f"{folder}/s", answering(NOSCRIPT, b"+sha\r\n", NOSCRIPT)) as peer:
        line = Line(
            pool_for(f"unix://{folder}/s", connect_timeout=PATIENCE),
            timeout=PATIENCE,
            connect_timeout=PATIENCE,
            clock=float,
        )
        with pytest.raises(StoreUnavailable, match="forgot the script recall"):
            await RECALL.run(line, (), ())
        await line.close()
    assert peer.names == ["EVALSHA", "SCRIPT", "EVALSHA"]


@pytest.mark.processes
async def test_every_method_of_the_store_is_one_command_on_the_wire(valkey_world: ServerWorld, folder: Path) -> None:
    await valkey_world.store()
    async with relaying(f"{folder}/relay", valkey_world.url.removeprefix("unix://")) as relay:
        world = ServerWorld(f"unix://{folder}/relay")
        ada = Guest(await world.store())
        standing = await ada.standing()
        counted = {
            "recall": await commands_of(relay, ada.standing()),
            "enrol": await commands_of(
                relay, ada.store.enrol(ADA, factor=Factor.EMAIL, address=ADDRESS, epoch=standing.epoch)
            ),
            "reserve": await commands_of(
                relay, ada.store.reserve(ADA, factor=Factor.EMAIL, purpose=Purpose.ACTIVATE, quiet_ms=1000)
            ),
            "issue": await commands_of(relay, ada.issue("123456", purpose=Purpose.ACTIVATE, epoch=standing.epoch)),
            "redeem": await commands_of(relay, ada.store.redeem(ada.redemption("123456", standing), standing)),
            "void": await commands_of(relay, ada.store.void(ADA, factor=Factor.EMAIL, purpose=Purpose.GATE)),
            "spend": await commands_of(relay, ada.store.spend([Quota(QuotaKind.TOTAL, (Window(1, 1000),))])),
            "put_record": await commands_of(relay, ada.store.put_record(ADA, AccountRecord())),
            "record": await commands_of(relay, ada.store.record(ADA)),
            "show": await commands_of(relay, ada.store.show(ADA)),
            "reset": await commands_of(relay, ada.store.reset(ADA)),
            "unlock": await commands_of(relay, ada.store.unlock(ADA)),
            "disable": await commands_of(relay, ada.store.disable(ADA)),
            "enable": await commands_of(relay, ada.store.enable(ADA)),
            "revoke": await commands_of(relay, ada.store.revoke(ADA)),
        }
        opening = ada.store.open_session(ADA, site="s", device="", life_ms=1000, epoch=(await ada.standing()).epoch)
        counted["open_session"] = await commands_of(relay, opened := asyncio.ensure_future(opening))
        one = await opened
        assert isinstance(one, OpenedSession)
        counted |= {
            "session": await commands_of(relay, ada.store.session(one.token)),
            "session_by_id": await commands_of(relay, ada.store.session_by_id(one.session.id)),
            "close_session": await commands_of(relay, ada.store.close_session(one.session)),
        }
        await world.close()
    assert counted == dict.fromkeys(counted, 1)


async def commands_of(relay: Peer, asked: Awaitable[object]) -> int:
    before = len(relay.commands)
    await asked
    return len(relay.commands) - before


@pytest.mark.processes
async def test_a_replica_answers_nothing_because_it_may_not_know_of_a_revocation(valkey_world: ServerWorld) -> None:
    ada = Guest(await valkey_world.store())
    await ada.enrol()
    await valkey_world.ask("REPLICAOF", "127.0.0.1", 1)
    try:
        with pytest.raises(StoreUnavailable, match="READONLY"):
            await ada.standing()
        with pytest.raises(StoreUnavailable, match="READONLY"):
            await ada.store.recall(AccountId("shop", "nobody"), scope=ada.scope, session="")
    finally:
        await valkey_world.ask("REPLICAOF", "NO", "ONE")
    assert (await ada.standing()).active() == (Factor.EMAIL,)


@pytest.mark.processes
async def test_a_full_server_refuses_to_compare_what_it_cannot_count(valkey_world: ServerWorld) -> None:
    ada = Guest(await valkey_world.store())
    await ada.enrol()
    await ada.issue("123456")
    standing = await ada.standing()
    await valkey_world.ask("CONFIG", "SET", "maxmemory", 1)
    try:
        for code in ("123456", "999999"):
            with pytest.raises(StoreUnavailable, match="OOM"):
                await ada.store.redeem(ada.redemption(code, standing), standing)
    finally:
        await valkey_world.ask("CONFIG", "SET", "maxmemory", 0)
    assert await ada.present("123456") == Redeemed(Factor.EMAIL)
