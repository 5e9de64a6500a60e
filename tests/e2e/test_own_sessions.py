"""Sessions that the gateway itself has opened, on a running gateway with two workers: open, and over, at every worker.

They are opened and signed for by a replica, in the process of the test: another gateway on the same store.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from mfa_gateway import Gateway, load_settings
from mfa_gateway.core.account import AccountId
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.session import OpenedSession, Session
from tests.e2e.installation import Installation, answer
from tests.e2e.processes import workers

pytestmark = pytest.mark.processes

ADA = AccountId("shop", "ada")
RULES = """
access_control:
  default_policy: open
  rules:
    - {name: orders, paths: ["/orders"], require: if_enrolled, dialect: glue}
"""
MORE = """
workers: 2
dialects: {gigya: {enabled: true, prefix: /gigya, sites: [{api_key: 3_KEY, realm: shop}]}}
"""
# What every one of several fresh connections says, both workers among those that answer.
CONNECTIONS = 12


class Shop(Installation):
    """An installation, and a replica of it that logs people in."""

    replica: Gateway

    async def told(self, token: str) -> set[str]:
        """What all workers answer to whoever asks for the orders."""

        async def ask() -> str:
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=20) as client:
                return answer(await client.get("/orders", headers={"Authorization": f"Bearer {token}"}))

        return set(await asyncio.gather(*(ask() for _ in range(CONNECTIONS))))

    async def log_in(self) -> tuple[Session, str]:
        """A session, and a token in its name."""
        standing = await self.replica._store.recall(ADA, scope=Scope.ACCOUNT, session="")
        opened = await self.replica.issuing.sessions.open_session(
            ADA, site="3_KEY", device="gmid-1", life_ms=3_600_000, epoch=standing.epoch
        )
        assert isinstance(opened, OpenedSession)
        return opened.session, await self.replica.issuing.minter.mint(self.claims(opened.session))

    def claims(self, session: Session) -> dict[str, object]:
        now = int(time.time())
        said = {"iss": "https://fidm.gigya.com/jwt/3_KEY/", "sub": "ada", "iat": now, "exp": now + 300}
        return {**said, "sid": session.id, "email": "ada@shop.test", "email_verified": True}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with Shop(tmp_path, rules=RULES, more=MORE) as installation:
        await installation.start()
        assert len(workers(installation)) == 2
        installation.replica = Gateway(load_settings(installation.config, environ={}), runs_store=False)
        await installation.replica.start()
        yield installation
        await installation.replica.stop()


async def test_a_session_is_open_at_every_worker_until_it_is_closed_anywhere(shop: Shop) -> None:
    (one, of_one), (_, of_other) = await shop.log_in(), await shop.log_in()
    assert await shop.told(of_one) == {"200"}
    await shop.replica.issuing.sessions.close_session(one)
    assert await shop.told(of_one) == {"401/001"}
    assert await shop.told(of_other) == {"200"}


async def test_a_disabled_account_has_no_session_at_any_worker(shop: Shop) -> None:
    _, token = await shop.log_in()
    assert await shop.told(token) == {"200"}
    await shop.run("accounts", "disable", "--realm", "shop", "--subject", "ada")
    assert await shop.told(token) == {"401/001"}


async def test_whoever_enrols_a_factor_stays_logged_in_and_ends_every_other_session(shop: Shop) -> None:
    (_, here), (_, there) = await shop.log_in(), await shop.log_in()
    await shop.enrol(here)
    assert await shop.told(here) == {"200"}
    assert await shop.told(there) == {"401/001"}


async def test_who_comes_back_has_to_prove_the_factor_and_then_passes(shop: Shop) -> None:
    _, first = await shop.log_in()
    await shop.enrol(first)
    await shop.replica._store.revoke(ADA)
    _, token = await shop.log_in()
    assert await shop.told(token) == {"403/5900"}
    code = await shop.fresh_code(token)
    assert answer(await shop.call("GET", "/orders", token=token, code=code)) == "200"
    assert await shop.told(token) == {"200"}
