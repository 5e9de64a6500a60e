"""Revocations on a running gateway with two workers: whoever was told of a log-out can rely on it at every worker."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx2
import jwt
import pytest

from mfa_gateway.identity.claims import LOGOUT_EVENT
from tests.e2e.installation import ISSUER_SECRET, Installation, answer
from tests.e2e.processes import workers
from tests.e2e.waiting import until

pytestmark = pytest.mark.processes

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: cards, paths: ["/cards"], policy: mfa}
    - {name: own, paths: ["/own"], policy: mfa, scope: session}
    - {name: password, methods: [PATCH], paths: ["/password"], policy: mfa, on_success: revoke}
    - {name: log-out, methods: [POST], paths: ["/log-out"], policy: open, on_success: revoke}
    - {name: transfer, methods: [POST], paths: ["/transfer"], policy: mfa, on_success: close_window}
"""
BEARER = """
  bearer:
    - {realm: shop, issuer: "https://idp.test", audience: shop-api, algorithms: [HS256], secret_file: ./issuer-secret,
       backchannel_logout: true, logout_audience: shop-web}
"""
# What every one of several fresh connections says, both workers among those that answer.
CONNECTIONS = 12


class Shop(Installation):
    """An installation whose issuer may tell of log-outs."""

    def _write_files(self) -> None:
        super()._write_files()
        text = self.config.read_text()
        before, _, after = text.partition("\n  bearer:\n")
        self.config.write_text(before + BEARER + after.partition("\n")[2])

    async def told(self, method: str, path: str, token: str) -> set[str]:
        """What all workers answer."""

        async def ask() -> str:
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=20) as client:
                return answer(await client.request(method, path, headers={"Authorization": f"Bearer {token}"}))

        return set(await asyncio.gather(*(ask() for _ in range(CONNECTIONS))))

    def farewell(self, subject: str = "ada", secret: str = ISSUER_SECRET, **changes: object) -> str:
        now = int(time.time())
        said = {"iss": "https://idp.test", "aud": "shop-web", "iat": now, "exp": now + 120, "jti": uuid4().hex}
        said |= {"sub": subject, "events": {LOGOUT_EVENT: {}}, **changes}
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, secret, algorithm="HS256", headers={"typ": "logout+jwt"})

    async def bid(self, token: str) -> httpx2.Response:
        return await self.client.post("/_mfa/backchannel-logout", data={"logout_token": token})


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with Shop(tmp_path, rules=RULES, more="workers: 2") as installation:
        await installation.start()
        assert len(workers(installation)) == 2
        yield installation


async def open_window(shop: Shop, subject: str = "ada") -> str:
    """A token of somebody whose window is open at every worker."""
    token = shop.token(subject)
    await shop.enrol(token)
    assert (await shop.call("GET", "/cards", token=token, code=await shop.fresh_code(token))).status_code == 200
    assert await shop.told("GET", "/cards", token) == {"200"}
    return token


async def test_after_a_change_of_password_every_worker_refuses_at_once(shop: Shop) -> None:
    token = await open_window(shop)
    other = await open_window(shop, "bob")
    assert (await shop.call("PATCH", "/password", token=token)).status_code == 200
    assert await shop.told("GET", "/cards", token) == {"403/5900"}
    assert await shop.told("GET", "/cards", other) == {"200"}
    (line,) = [json.loads(line) for line in shop.log.splitlines() if "ended on success" in line and line[0] == "{"]
    assert (line["on_success"], line["audit"], line["rule"]) == ("revoke", True, "password")


async def test_a_change_that_the_api_refuses_changes_nothing(shop: Shop) -> None:
    token = await open_window(shop)
    shop.api.status = "422 Unprocessable Content"
    assert (await shop.call("PATCH", "/password", token=token)).status_code == 422
    shop.api.status = "200 OK"
    assert await shop.told("GET", "/cards", token) == {"200"}


async def test_a_log_out_asks_for_no_factor_and_ends_every_window(shop: Shop) -> None:
    token = await open_window(shop)
    assert (await shop.call("POST", "/log-out", token=token)).status_code == 200
    assert await shop.told("GET", "/cards", token) == {"403/5900"}
    assert (await shop.call("POST", "/log-out")).status_code == 200


async def test_whoever_leaves_before_the_answer_is_logged_out_all_the_same(shop: Shop) -> None:
    token = await open_window(shop)
    shop.api.held = asyncio.Event()
    reader, writer = await asyncio.open_connection("127.0.0.1", shop.port)
    head = f"PATCH /password HTTP/1.1\r\nHost: shop.test\r\nAuthorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n"
    writer.write(head.encode())
    await until(lambda: shop.api.seen[-1].target == "/password")
    writer.close()
    await writer.wait_closed()
    assert await reader.read() == b""
    await until(lambda: "ended on success" in shop.log)
    shop.api.held.set()
    assert await shop.told("GET", "/cards", token) == {"403/5900"}


async def test_a_closed_window_leaves_that_of_the_session_open(shop: Shop) -> None:
    token = await open_window(shop)
    code = await shop.fresh_code(token)
    assert (await shop.call("GET", "/own", token=token, code=code)).status_code == 200
    assert (await shop.call("POST", "/transfer", token=token)).status_code == 200
    assert await shop.told("GET", "/cards", token) == {"403/5900"}
    assert await shop.told("GET", "/own", token) == {"200"}


async def test_an_issuers_log_out_ends_the_window_at_every_worker_once(shop: Shop) -> None:
    token = await open_window(shop)
    farewell = shop.farewell()
    answered = await shop.bid(farewell)
    assert (answered.status_code, answered.content, answered.headers["cache-control"]) == (200, b"", "no-store")
    assert await shop.told("GET", "/cards", token) == {"403/5900"}
    assert (await shop.call("GET", "/cards", token=token, code=await shop.fresh_code(token))).status_code == 200
    replayed = await shop.bid(farewell)
    assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_request")
    assert await shop.told("GET", "/cards", token) == {"200"}


async def test_nobody_else_logs_anybody_out(shop: Shop) -> None:
    token = await open_window(shop)
    for farewell in (
        shop.farewell(secret="f" * 64),
        shop.farewell(aud="shop-api"),
        shop.farewell(nonce="n"),
        shop.farewell(events={}),
        shop.farewell(sub=None, sid="session-of-ada"),
        shop.farewell("bob", iss="https://evil.test"),
        token,
    ):
        answered = await shop.bid(farewell)
        assert (answered.status_code, answered.json()["error"]) == (400, "invalid_request")
    assert await shop.told("GET", "/cards", token) == {"200"}
    assert not any(seen.target.startswith("/_mfa") for seen in shop.api.seen)


async def test_a_logout_token_is_no_access_token(shop: Shop) -> None:
    farewell = shop.farewell(aud=["shop-web", "shop-api"], email="ada@shop.test", email_verified=True)
    assert answer(await shop.call("GET", "/cards", token=farewell)).startswith("401")
