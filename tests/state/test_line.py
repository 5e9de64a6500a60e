"""The line against servers that answer as no server should: slow, broken, hostile; and callers that give up."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.state.connection import pool_for
from mfa_gateway.state.line import CONNECTIONS, Line, ScriptUnknown
from tests.state.peers import OK, Answer, Command, Peer, answering, listening
from tests.state.world import PATIENCE, never_waits


@asynccontextmanager
async def line_to(
    folder: Path, answer: Answer, *, timeout: float = PATIENCE, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[tuple[Line, Peer]]:
    path = f"{folder}/s"
    async with listening(path, answer) as peer:
        line = a_line(path, timeout=timeout, clock=clock)
        yield line, peer
        await line.close()


def a_line(path: str, *, timeout: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> Line:
    pool = pool_for(f"unix://{path}", connect_timeout=PATIENCE)
    return Line(pool, timeout=timeout, connect_timeout=PATIENCE, clock=clock)


async def echo(command: Command) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(command[-1]), command[-1])


async def mute(command: Command) -> None:
    return None


# --- Nothing is sent twice --------------------------------------------------------------------


async def test_a_slow_server_gets_a_script_exactly_once(folder: Path) -> None:
    async with line_to(folder, mute, timeout=0.05, clock=never_waits()) as (line, peer):
        with pytest.raises(StoreUnavailable, match="did not answer in time"):
            await line.ask("EVALSHA", "sha", 0)
        await peer.quiet()
        assert peer.names == ["EVALSHA"]
        with pytest.raises(StoreUnavailable):
            await line.ask("PING")
        await peer.quiet()
        assert peer.names == ["EVALSHA", "PING"]


@pytest.mark.parametrize(
    "reply",
    [b"", b"$10\r\nhalf", b":1", b"*2\r\n:1\r\n", b"?\r\n", b"-LOADING the data set\r\n", b"-NOAUTH who are you\r\n"],
    ids=["hangs up", "half a string", "half a number", "half a list", "garbage", "loading", "no login"],
)
async def test_no_broken_answer_makes_a_script_travel_again(folder: Path, reply: bytes) -> None:
    async with line_to(folder, answering(reply), timeout=0.05, clock=never_waits()) as (line, peer):
        with pytest.raises(StoreUnavailable):
            await line.ask("EVALSHA", "sha", 0)
        await peer.quiet()
        assert peer.names == ["EVALSHA"]


@pytest.mark.parametrize(
    "error",
    [
        b"OOM command not allowed when used memory > 'maxmemory'.",
        b"READONLY You can't write against a read only replica.",
        b"BUSY Redis is busy running a script.",
        b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        b"NOPERM this user has no permissions to run the 'evalsha' command",
        b"MISCONF Errors writing to the AOF file: No space left on device",
        b"CLUSTERDOWN The cluster is down",
        b"MOVED 3999 127.0.0.1:6381",
        b"TRYAGAIN Multiple keys request during rehashing of slot",
        b"NOREPLICAS Not enough good replicas to write.",
        b"ERR unknown command",
        b"WRONGTYPE Operation against a key holding the wrong kind of value",
    ],
    ids=lambda error: error.partition(b" ")[0].decode(),
)
async def test_a_refusal_of_the_server_is_a_fault_and_no_retry(folder: Path, error: bytes) -> None:
    async with line_to(folder, answering(b"-" + error + b"\r\n", OK)) as (line, peer):
        with pytest.raises(StoreUnavailable, match="the store refused") as caught:
            await line.ask("EVALSHA", "sha", 0)
        assert caught.value.__cause__ is not None
        # It answered, so there is no reason to leave it alone.
        assert await line.ask("PING") == b"OK"
        assert peer.names == ["EVALSHA", "PING"]
        assert peer.connections == 1


async def test_a_script_that_is_not_known_is_told_apart(folder: Path) -> None:
    async with line_to(folder, answering(b"-NOSCRIPT No matching script. Please use EVAL.\r\n")) as (line, _):
        with pytest.raises(ScriptUnknown):
            await line.ask("EVALSHA", "sha", 0)


async def test_an_error_belongs_to_its_own_command(folder: Path) -> None:
    async with line_to(folder, answering(b":1\r\n", b"-ERR no\r\n", b":3\r\n")) as (line, _):
        one, two, three = await asyncio.gather(*(line.ask("GET", "k") for _ in range(3)), return_exceptions=True)
        assert (one, three) == (1, 3)
        assert isinstance(two, StoreUnavailable)


# --- Failing fast -----------------------------------------------------------------------------


async def test_nobody_listening_is_a_fault(folder: Path) -> None:
    line = a_line(f"{folder}/nobody")
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await line.ask("PING")
    await line.close()


async def test_a_server_that_never_greets_is_a_fault(folder: Path) -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(hold, f"{folder}/s")
    pool = pool_for(f"unix://{folder}/s", connect_timeout=0.05)
    line = Line(pool, timeout=PATIENCE, connect_timeout=0.05, clock=time.monotonic)
    with pytest.raises(StoreUnavailable):
        await line.ask("PING")
    await line.close()
    server.close()
    await server.wait_closed()


async def test_after_a_failure_only_one_probe_a_second_is_sent(folder: Path) -> None:
    now = 100.0
    async with line_to(folder, mute, timeout=0.02, clock=lambda: now) as (line, peer):
        for step in (0.0, 0.5, 0.4, 0.2, 0.5):
            now += step
            for _ in range(5):
                with pytest.raises(StoreUnavailable):
                    await line.ask("PING")
        await peer.quiet()
        assert len(peer.commands) == 2


async def test_what_waits_behind_a_failure_fails_with_it(folder: Path) -> None:
    async with line_to(folder, mute, timeout=0.05) as (line, peer):
        started = time.monotonic()
        answers = await asyncio.gather(*(line.ask("PING") for _ in range(2000)), return_exceptions=True)
        assert all(isinstance(answer, StoreUnavailable) for answer in answers)
        assert len(peer.commands) < 2000
        assert time.monotonic() - started < 2000 * 0.05


async def test_the_line_recovers_by_itself_and_says_so(folder: Path) -> None:
    async with line_to(folder, answering(b"", OK), clock=never_waits()) as (line, _):
        with capture_logs() as logs:
            with pytest.raises(StoreUnavailable):
                await line.ask("PING")
            assert await line.ask("PING") == b"OK"
        assert [entry["event"] for entry in logs] == ["store unavailable", "store answers again"]


async def test_a_connection_that_the_server_closed_is_replaced_before_anything_is_sent(folder: Path) -> None:
    async with line_to(folder, answering(OK)) as (line, peer):
        assert await line.ask("PING") == b"OK"
        await peer.hang_up()
        assert await line.ask("EVALSHA", "sha", 0) == b"OK"
        assert peer.names == ["PING", "EVALSHA"]


# --- Callers that give up ---------------------------------------------------------------------


async def test_a_caller_that_leaves_before_its_command_does_is_not_served(folder: Path) -> None:
    async with line_to(folder, echo) as (line, peer):
        await line.ask("ECHO", "warm")
        leaving = asyncio.create_task(line.ask("EVALSHA", "leaving"))
        staying = asyncio.create_task(line.ask("ECHO", "staying"))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying == b"staying"
        assert peer.names == ["ECHO", "ECHO"]


async def test_the_answer_of_a_caller_that_left_reaches_nobody_else(folder: Path) -> None:
    released = asyncio.Event()

    async def slow_echo(command: Command) -> bytes:
        if command[-1] == b"slow":
            await released.wait()
        return await echo(command)

    async with line_to(folder, slow_echo) as (line, peer):
        leaving = asyncio.create_task(line.ask("ECHO", "slow"))
        await peer.arrived(1)
        staying = [asyncio.create_task(line.ask("ECHO", f"{number}")) for number in range(50)]
        leaving.cancel()
        released.set()
        assert await asyncio.gather(*staying) == [b"%d" % number for number in range(50)]
        assert await line.ask("ECHO", "after") == b"after"


async def test_answers_stay_with_their_callers_while_others_come_and_go(folder: Path) -> None:
    async with line_to(folder, echo) as (line, _):

        async def visit(number: int) -> None:
            for turn in range(20):
                assert await line.ask("ECHO", f"{number}-{turn}") == f"{number}-{turn}".encode()

        visitors = [asyncio.create_task(visit(number)) for number in range(60)]
        for number, visitor in enumerate(visitors):
            await line.ask("ECHO", "meanwhile")
            if number % 3 == 0:
                visitor.cancel()
        ends = await asyncio.gather(*visitors, return_exceptions=True)
        assert not [end for end in ends if end is not None and not isinstance(end, asyncio.CancelledError)]


# --- Travelling together ----------------------------------------------------------------------


async def test_a_thousand_callers_share_a_few_connections(folder: Path) -> None:
    async with line_to(folder, echo) as (line, peer):
        asked = [line.ask("ECHO", number) for number in range(1000)]
        assert await asyncio.gather(*asked) == [b"%d" % number for number in range(1000)]
        assert peer.connections <= CONNECTIONS
        assert len(peer.commands) == 1000


async def test_whoever_asks_as_the_last_carrier_leaves_is_served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mfa_gateway.state.line.CONNECTIONS", 1)
    async with line_to(folder, echo) as (line, _), asyncio.timeout(PATIENCE):
        for number in range(20):
            assert await line.ask("ECHO", number) == b"%d" % number


async def test_bytes_numbers_and_odd_text_arrive_as_they_were_sent(folder: Path) -> None:
    async with line_to(folder, echo) as (line, peer):
        await line.ask("X", b"\x00\r\n\xff", -1, 10**15, "ö")
        assert peer.commands == [[b"X", b"\x00\r\n\xff", b"-1", b"1000000000000000", "ö".encode()]]


async def test_a_closed_line_answers_nobody(folder: Path) -> None:
    async with line_to(folder, mute) as (line, peer):
        asked = asyncio.create_task(line.ask("PING"))
        await peer.arrived(1)
        queued = asyncio.create_task(line.ask("PING"))
        await asyncio.sleep(0)
        await line.close()
        for ended in (asked, queued, line.ask("PING")):
            with pytest.raises(StoreUnavailable, match="closed"):
                await ended


async def test_a_line_that_was_never_used_can_be_closed(folder: Path) -> None:
    await a_line(f"{folder}/nobody").close()
