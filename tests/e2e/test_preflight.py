"""Preflight against reality: what one gateway says of a call is what another on the same store then does with it.

Five hundred calls of a handful of people whose factors come and go, who guess, are banned, disabled and let in again,
while time moves between: what the store keeps is made older, nobody waits.
"""

import base64
import math
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx2
import pytest

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.proof import Purpose, Scope
from mfa_gateway.state import Store, StoreSettings, open_store
from mfa_gateway.state.line import Word
from mfa_gateway.state.records import AccountRecord
from tests.e2e.installation import Installation
from tests.e2e.valkey import Valkey
from tests.state.world import PATIENCE, ServerWorld

pytestmark = pytest.mark.processes

CALLS: Final = 500
PATHS: Final = (
    "/open", "/window", "/shared", "/minute", "/every-time", "/app", "/maybe", "/tried-out", "/denied", "/glue",
    "/mfa/factors", "/window%2Fopen",
)  # fmt: skip
RULES: Final = """
access_control:
  default_policy: open
  rules:
    - {name: window, paths: ["/window/**"], policy: mfa, dialect: standard, tell_grace: true}
    - {name: shared, paths: ["/shared"], policy: mfa, dialect: standard, scope: account, tell_grace: true}
    - {name: minute, paths: ["/minute"], policy: mfa, dialect: standard, scope: account, grace: 1m}
    - {name: every-time, paths: ["/every-time"], policy: mfa, dialect: standard, grace: 0s}
    - {name: app, paths: ["/app"], policy: mfa, dialect: standard, factors: [totp]}
    - {name: maybe, paths: ["/maybe"], policy: mfa, dialect: standard, require: if_enrolled}
    - {name: tried-out, paths: ["/tried-out"], policy: mfa, dialect: standard, enforce: false}
    - {name: denied, paths: ["/denied"], policy: deny, dialect: standard}
    - {name: glue, paths: ["/glue"], policy: mfa}
"""
PEOPLE: Final = ("ada", "bob", "cyd", "dan", "eve")
# No sum of these comes within a second of any grace or ban here: a call that is late by as much is still the same.
JUMPS_MS: Final = (67_000, 419_000, 1_009_000)
# What the other dialect calls the same; it does not tell a disabled account from an unknown one.
OF_GLUE: Final = {
    "5900": {"code_missing"},
    "5901": {"code_invalid", "banned"},
    "5906": {"not_enrolled"},
    "5907": {"account_unknown", "account_disabled"},
}


class Aged(ServerWorld):
    """The store of the gateways, whose content is made older."""

    def __init__(self, store: Store) -> None:
        super().__init__("")
        self._store = store

    async def ask(self, *words: Word) -> Any:
        return await self._store._line.ask(*words)


class Life:
    """What happens to people between two calls, drawn from a seed."""

    def __init__(self, gateways: list[Installation], store: Store, chance: Random) -> None:
        self.gateways = gateways
        self.store = store
        self.chance = chance
        self.happened: Counter[str] = Counter()
        self._world = Aged(store)
        self._number = 100_000

    async def goes_on(self, person: str) -> None:
        """One thing happens, more often than not nothing much."""
        account = AccountId("shop", person)
        match self.chance.randrange(12):
            case 0 | 1:
                await self._world.pass_time(self.chance.choice(JUMPS_MS))
            case 2:
                given: dict[Factor, str | bytes] = {Factor.EMAIL: f"{person}@shop.test"}
                given |= {Factor.TOTP: bytes(20)} if self.chance.random() < 0.4 else {}
                await self.store.put_record(account, AccountRecord(), factors=given)
            case 3 if self.chance.random() < 0.4:
                await self.store.reset(account)
            case 4 if self.chance.random() < 0.5:
                await self.store.disable(account)
            case 4 | 5:
                await self.store.enable(account)
            case 6:
                for _ in range(5):
                    await self.calls("GET", "/every-time", person, code="999999")
            case 7:
                await self.store.unlock(account)
            case 8 | 9:
                await self.calls(
                    "GET", self.chance.choice(("/window", "/shared")), person, code=await self.code(person)
                )
            case _:
                pass

    async def code(self, person: str) -> str:
        """A code that is on its way to somebody, without the way."""
        account = AccountId("shop", person)
        self._number += 1
        epoch = (await self.store.recall(account, scope=Scope.ACCOUNT, session="")).epoch
        code = str(self._number)
        await self.store.issue(
            account, factor=Factor.EMAIL, purpose=Purpose.GATE, code=code, life_ms=600_000, epoch=epoch
        )
        return code

    async def calls(self, method: str, path: str, person: str, *, code: str | None = None) -> httpx2.Response:
        """A call by one of the gateways, in the person's one session or the other, as the path decides."""
        gateway = self.chance.choice(self.gateways)
        request = gateway.client.build_request(method, "/", headers=self._headers(gateway, person, code))
        request.url = request.url.copy_with(raw_path=path.encode())
        return await gateway.client.send(request)

    async def asks(self, method: str, path: str, person: str) -> dict[str, Any]:
        gateway = self.chance.choice(self.gateways)
        said = {"method": method, "path": path}
        answer = await gateway.client.post("/mfa/preflight", json=said, headers=self._headers(gateway, person, None))
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def _headers(self, gateway: Installation, person: str, code: str | None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {gateway.token(person)}"}
        return headers if code is None else headers | {"X-MFA-Code": code}


@pytest.fixture
async def life(tmp_path: Path) -> AsyncIterator[Life]:
    async with AsyncExitStack() as stack:
        valkey = await stack.enter_async_context(Valkey(tmp_path / "v"))
        gateways = []
        for name in "ab":
            (tmp_path / name).mkdir()
            one = Installation(tmp_path / name, rules=RULES, store=valkey.url)
            gateways.append(await stack.enter_async_context(one))
        (tmp_path / "b" / "keys").write_text((tmp_path / "a" / "keys").read_text())
        for one in gateways:
            await one.start()
        key = base64.b64decode((tmp_path / "a" / "keys").read_text())
        store = await open_store(StoreSettings(valkey.url, (key,), timeout=PATIENCE, connect_timeout=PATIENCE))
        stack.push_async_callback(store.close)
        yield Life(gateways, store, Random(1))


def why(answer: httpx2.Response) -> set[str]:
    """What a refusal is for, in the words of problems."""
    code = answer.headers["x-mfa-error-code"]
    return OF_GLUE.get(code, {code})


async def test_what_one_gateway_says_is_what_the_other_does(life: Life) -> None:
    for _ in range(CALLS):
        person = life.chance.choice(PEOPLE)
        await life.goes_on(person)
        method, path = life.chance.choice(("GET", "POST")), life.chance.choice(PATHS)
        said = await life.asks(method, path, person)
        await _holds(life, said, method, path, person)
    # All that can be said was said, and often enough to mean something.
    assert all(life.happened[name] >= 5 for name in ("open", "proof", "code", "not_enrolled", "banned", "denied"))
    assert {"account_disabled", "not_enforced", "ours", "ambiguous_request", "let in"} < {*life.happened}


async def _holds(life: Life, said: dict[str, Any], method: str, path: str, person: str) -> None:
    """That a call without a code meets what was said, and then one with a right code."""
    # A HEAD or POST of ours would be another request: of the gateway's own endpoints one is only looked at.
    method = "GET" if said.get("because") == "ours" else method
    answer = await life.calls(method, path, person)
    match said["decision"]:
        case "pass":
            life.happened[said["because"]] += 1
            if said["because"] == "ours":
                assert answer.status_code in (200, 403)
                return
            assert answer.status_code == 200, (said, answer.text)
            if said["because"] == "proof" and path in ("/window", "/shared"):
                left = int(answer.headers["x-mfa-grace-remaining"])
                assert 0 <= said["proof"]["expires_in"] - left <= 3
        case "code":
            life.happened["code"] += 1
            assert why(answer) & {"code_missing"}, (said, answer.text)
            if any(one["type"] == "email" and one["retry_after"] is None for one in said["factors"]):
                life.happened["let in"] += 1
                let_in = await life.calls(method, path, person, code=await life.code(person))
                assert let_in.status_code == 200, (said, let_in.text)
        case "refuse" if said["reason"] == "banned":
            life.happened["banned"] += 1
            assert why(answer) & {"code_missing"}, (said, answer.text)
            banned = await life.calls(method, path, person, code="000000")
            assert why(banned) & {"banned"}, (said, banned.text)
            assert math.isclose(int(banned.headers["retry-after"]), said["retry_after"], abs_tol=3)
        case "refuse":
            life.happened[said["reason"]] += 1
            assert why(answer) & {said["reason"]}, (said, answer.text)
        case other:
            raise AssertionError(other)
