"""Windows against the clock: the whole gateway in this process, on fakeredis, with time in the test's hands."""

import base64
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import httpx2
import jwt
import pyotp
import pytest

from mfa_gateway import Gateway, MFAMiddleware, load_settings
from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.doors.asgi import Receive, Scope, Send
from mfa_gateway.state import AccountRecord
from tests.clock import MemoryClock
from tests.e2e.installation import answer

SECRET = secrets.token_bytes(20)
ISSUER_SECRET = secrets.token_urlsafe(48)
MINUTE = 60_000

CONFIGURATION = """
store: {url: "memory://", timeout: 5s}
secrets: {keys_file: ./keys}
identity:
  bearer:
    - {realm: shop, issuer: "https://idp.test", audience: shop-api, algorithms: [HS256], secret_file: ./issuer-secret}
directory: {source: store}
senders: {email: {log: {}}}
codes: {resend_after: 0s}
access_control:
  default_policy: open
  rules:
    - {name: half-hour, paths: ["/half-hour"], policy: mfa, grace: 30m}
    - {name: minute, paths: ["/minute"], policy: mfa, grace: 1m}
    - {name: app-only, paths: ["/app-only"], policy: mfa, factors: [totp], grace: 30m}
    - {name: session, paths: ["/session"], policy: mfa, scope: session}
"""


@dataclass
class House:
    """The gateway around an application, and the clock of its store."""

    client: httpx2.AsyncClient
    clock: MemoryClock
    codes: list[str]

    async def get(self, path: str, *, code: str | None = None, session: str = "first") -> str:
        headers = {"Authorization": f"Bearer {self._token(session)}"}
        if code is not None:
            headers["X-MFA-Code"] = code
        return answer(await self.client.get(path, headers=headers))

    async def fresh_code(self) -> str:
        body = {"data": {"type": "multi-factor-auth-trigger", "attributes": {"type": "email"}}}
        headers = {"Authorization": f"Bearer {self._token('first')}"}
        response = await self.client.post("/multi-factor-auth-trigger", json=body, headers=headers)
        assert response.status_code == 204
        return self.codes[-1]

    def app_code(self) -> str:
        return pyotp.TOTP(base64.b32encode(SECRET).decode()).at(int(self.clock.now))

    def pass_time(self, ms: int) -> None:
        self.clock.now += ms / 1000

    def _token(self, session: str) -> str:
        now = int(time.time())
        claims = {
            "iss": "https://idp.test",
            "aud": "shop-api",
            "sub": "ada",
            "sid": session,
            "iat": now,
            "exp": now + 60,
        }
        return jwt.encode(claims, ISSUER_SECRET, algorithm="HS256")


async def _application(scope: Scope, _receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the application"})


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    (tmp_path / "keys").write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    (tmp_path / "issuer-secret").write_text(ISSUER_SECRET)
    (tmp_path / "mfa-gateway.yaml").write_text(dedent(CONFIGURATION))
    codes: list[str] = []

    def draw(digits: int) -> str:
        codes.append(f"{731_000 + len(codes):0{digits}d}")
        return codes[-1]

    monkeypatch.setattr("mfa_gateway.app.gateway.draw_code", draw)
    clock = MemoryClock.installed(monkeypatch)
    gateway = Gateway(load_settings(tmp_path / "mfa-gateway.yaml", environ={}))
    await gateway.start()
    record = AccountRecord(email="ada@shop.test", email_verified=True)
    factors: dict[Factor, str | bytes] = {Factor.EMAIL: "ada@shop.test", Factor.TOTP: SECRET}
    await gateway._store.put_record(AccountId("shop", "ada"), record, factors=factors)
    transport = httpx2.ASGITransport(app=MFAMiddleware(_application, gateway=gateway))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
        yield House(client, clock, codes)
    await gateway.stop()


async def test_a_window_of_thirty_minutes_does_not_open_a_route_of_one_minute_after_two(house: House) -> None:
    assert await house.get("/half-hour", code=await house.fresh_code()) == "200"
    assert await house.get("/minute") == "200"

    house.pass_time(2 * MINUTE)

    assert await house.get("/minute") == "403/5900"
    assert await house.get("/half-hour") == "200"


async def test_a_window_is_gone_at_exactly_its_length(house: House) -> None:
    assert await house.get("/half-hour", code=await house.fresh_code()) == "200"

    house.pass_time(30 * MINUTE - 1)
    assert await house.get("/half-hour") == "200"

    house.pass_time(1)
    assert await house.get("/half-hour") == "403/5900"


async def test_a_window_does_not_slide(house: House) -> None:
    code = await house.fresh_code()
    assert await house.get("/half-hour", code=code) == "200"
    for _ in range(2):
        house.pass_time(14 * MINUTE)
        assert await house.get("/half-hour", code=code) == "200"

    house.pass_time(2 * MINUTE)

    assert await house.get("/half-hour") == "403/5900"
    assert await house.get("/half-hour", code=code) == "403/5901"


async def test_a_proof_by_mail_does_not_satisfy_a_rule_for_the_app(house: House) -> None:
    code = await house.fresh_code()
    assert await house.get("/half-hour", code=code) == "200"

    assert await house.get("/app-only") == "403/5900"
    assert await house.get("/app-only", code=code) == "403/5901"
    assert await house.get("/app-only", code=house.app_code()) == "200"
    assert await house.get("/app-only") == "200"


async def test_a_newer_proof_by_mail_does_not_erase_that_of_the_app(house: House) -> None:
    assert await house.get("/app-only", code=house.app_code()) == "200"
    house.pass_time(MINUTE)
    assert await house.get("/half-hour", code=await house.fresh_code()) == "200"

    assert await house.get("/app-only") == "200"


async def test_a_step_of_the_app_is_spent_once(house: House) -> None:
    code = house.app_code()
    assert await house.get("/app-only", code=code) == "200"

    assert await house.get("/session", code=code) == "403/5901"


async def test_a_window_of_one_session_is_not_that_of_another(house: House) -> None:
    assert await house.get("/session", code=await house.fresh_code(), session="first") == "200"

    assert await house.get("/session", session="first") == "200"
    assert await house.get("/session", session="second") == "403/5900"


async def test_a_code_dies_at_its_age(house: House) -> None:
    code = await house.fresh_code()

    house.pass_time(10 * MINUTE)

    assert await house.get("/half-hour", code=code) == "403/5901"
