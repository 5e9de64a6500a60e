"""The three pages of ops_listen, as ASGI."""

import json
from dataclasses import replace
from typing import Any

import pytest

from mfa_gateway.doors.health import Health, Report, Stage, StoreState

WELL = Report(Stage.SERVING, listening=2, wanted=2, store=StoreState.UP)


async def asked(path: str, report: Report = WELL, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
    """Status, headers and body of a page."""
    sent: list[Any] = []

    async def told() -> Report:
        return report

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    app = Health(report=told, counts=lambda: {("store_trips",): 7}, version="1.2.3")
    await app({"type": "http", "method": method, "path": path}, receive, send)
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]


@pytest.mark.parametrize("stage", Stage)
async def test_a_process_that_answers_is_alive(stage: Stage) -> None:
    assert (await asked("/healthz", replace(WELL, stage=stage, listening=0)))[0] == 200


@pytest.mark.parametrize(
    ("report", "status"),
    [
        (WELL, 200),
        (replace(WELL, listening=1), 200),
        (replace(WELL, listening=0), 503),
        (replace(WELL, stage=Stage.STARTING), 503),
        (replace(WELL, stage=Stage.DRAINING), 503),
        (replace(WELL, store=StoreState.AWAY), 200),
        (replace(WELL, store=StoreState.AWAY, needs_store=True), 503),
        (replace(WELL, store=StoreState.PRIVATE, needs_store=True), 200),
        (replace(WELL, needs_store=True), 200),
    ],
)
async def test_ready_is_serving_and_the_store_only_where_it_counts(report: Report, status: int) -> None:
    assert (await asked("/readyz", report))[0] == status


async def test_readiness_tells_the_state_of_the_store_and_of_the_workers() -> None:
    report = replace(WELL, listening=1, store=StoreState.AWAY, why="it cannot be reached")
    _, headers, body = await asked("/readyz", report)
    assert headers[b"content-type"] == b"application/json"
    assert json.loads(body) == {
        "ready": True,
        "stage": "serving",
        "workers": {"listening": 1, "wanted": 2},
        "store": "away",
        "why": "it cannot be reached",
        "version": "1.2.3",
    }


async def test_metrics_hold_counts_and_gauges() -> None:
    status, headers, body = await asked("/metrics")
    assert status == 200
    assert headers[b"content-type"].startswith(b"text/plain; version=")
    assert b"mfa_gateway_store_trips_total 7.0" in body
    assert b"mfa_gateway_ready 1.0" in body


async def test_nothing_else_is_here() -> None:
    assert (await asked("/"))[0] == 404
    assert (await asked("/readyz/"))[0] == 404


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused(method: str) -> None:
    status, headers, _ = await asked("/readyz", method=method)
    assert (status, headers[b"allow"]) == (405, b"GET, HEAD")


async def test_a_head_has_the_length_and_no_body() -> None:
    _, headers, body = await asked("/healthz", method="HEAD")
    assert (headers[b"content-length"], body) == (b"6", b"")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/nothing"])
async def test_no_page_is_kept_by_a_cache(path: str) -> None:
    assert (await asked(path))[1][b"cache-control"] == b"no-store"
