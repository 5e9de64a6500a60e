"""The log of a process that serves: whole lines of JSON, soon, and never a secret of the machinery in between."""

import asyncio
import io
import json
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.cli.log import Lines, Logger, Stamp, as_json, configure_log


class Stream(io.BytesIO):
    """A stream that knows how often it was written to."""

    writes = 0

    def write(self, data: Any) -> int:
        self.writes += 1
        return super().write(data)


@pytest.fixture
def stream() -> Stream:
    return Stream()


def logger(stream: Stream, **context: object) -> Logger:
    return Logger(Lines(stream), [], context)


def lines(stream: Stream) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_what_one_turn_says_is_written_once_and_in_order(stream: Stream) -> None:
    log = logger(stream)
    for number in range(3):
        log.info("passed", number=number)
    assert stream.writes == 0
    await turn()
    assert (stream.writes, [line["number"] for line in lines(stream)]) == (1, [0, 1, 2])


async def test_a_warning_is_written_at_once_with_what_came_before(stream: Stream) -> None:
    log = logger(stream)
    log.info("before")
    log.warning("now")
    assert [line["event"] for line in lines(stream)] == ["before", "now"]
    await turn()
    assert stream.writes == 1


async def test_much_is_not_held_back(stream: Stream) -> None:
    log = logger(stream)
    for _ in range(100):
        log.info("passed", path="x" * 1000)
    assert stream.writes >= 1


def test_without_a_loop_every_line_is_written_at_once(stream: Stream) -> None:
    logger(stream).info("starting")
    assert [line["event"] for line in lines(stream)] == ["starting"]


def test_a_line_says_what_when_and_how_bad(stream: Stream) -> None:
    logger(stream, worker=1).error("fault", why="x")
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"worker": 1, "why": "x", "event": "fault", "level": "error"}


def test_an_exception_brings_its_traceback_on_the_same_line(stream: Stream) -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logger(stream).exception("failed")
    (line,) = lines(stream)
    assert line["level"] == "error"
    assert "ZeroDivisionError: division by zero" in line["exception"]
    assert stream.getvalue().count(b"\n") == 1


def test_debug_is_not_written(stream: Stream) -> None:
    logger(stream).debug("details")
    assert stream.getvalue() == b""


def test_a_bound_logger_says_what_it_was_bound_to(stream: Stream) -> None:
    logger(stream).bind(request_id="r1").info("passed")
    assert lines(stream)[0]["request_id"] == "r1"


@pytest.mark.parametrize("value", ["\udcff", {1, 2}, b"bytes", object, 1 << 80], ids=repr)
def test_what_json_cannot_say_is_written_all_the_same(value: object) -> None:
    assert json.loads(as_json({"value": value}))


@pytest.mark.parametrize("value", ["a\nb", "a\r\nb", "\x1b[31m", '"}{"event":"forged"}', "\u2028"])
def test_no_value_begins_a_line_of_its_own(value: str) -> None:
    line = as_json({"value": value})
    assert b"\n" not in line
    assert b"\x1b" not in line
    assert json.loads(line) == {"value": value}


def test_time_is_told_to_the_microsecond_in_utc() -> None:
    moments = iter((1_700_000_000.000001, 1_700_000_000.25, 1_700_000_000.9999998, 1_700_000_001.0))
    stamp = Stamp(lambda: next(moments))
    assert [stamp() for _ in range(4)] == [
        "2023-11-14T22:13:20.000001Z",
        "2023-11-14T22:13:20.250000Z",
        "2023-11-14T22:13:20.999999Z",
        "2023-11-14T22:13:21.000000Z",
    ]


@given(st.integers(0, 999_999))
def test_every_microsecond_is_told_as_itself(micros: int) -> None:
    assert Stamp(lambda: 1_700_000_000 + micros / 1_000_000)().endswith(f":20.{micros:06d}Z")


def test_a_traceback_at_a_terminal_shows_no_variables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_secret: str) -> None:
        raise ValueError("what went wrong")

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    before = structlog.get_config()
    try:
        configure_log()
        try:
            fail("hunter2")
        except ValueError:
            structlog.get_logger().exception("broken")
    finally:
        structlog.configure(**before)
    shown = capsys.readouterr().err
    assert "what went wrong" in shown
    assert "hunter2" not in shown.replace('fail("hunter2")', "")
