"""The population of a benchmark is what the gateway itself would have written, and its measures still run."""

import asyncio
import base64
import sys
import time
from pathlib import Path

import pyotp
import pytest
import redis

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.proof import Scope
from mfa_gateway.state.opening import StoreSettings, open_store
from mfa_gateway.state.records import AccountRecord
from tests.benchmarks import scale
from tests.benchmarks.population import REALM, code_of, populate, secret_of, subject_of

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="a benchmark needs Linux")


def test_an_authenticator_of_the_population_shows_what_any_would() -> None:
    now = time.time()
    app = pyotp.TOTP(base64.b32encode(secret_of(7)).decode())
    assert code_of(7, now) == app.at(int(now))


@on_linux
@pytest.mark.processes
def test_an_account_of_the_population_is_what_an_operator_would_have_made(tmp_path: Path) -> None:
    with scale._store(tmp_path) as port:
        asyncio.run(_compare(f"redis://127.0.0.1:{port}/0"))


async def _compare(url: str) -> None:
    store = await open_store(StoreSettings(url=url, keys=(b"k" * 32,), timeout=5.0))
    client = redis.Redis.from_url(url, decode_responses=True)
    try:
        names = await store._foundation.names()
        populate(client, names, store._foundation.vault, [1])
        made, other = AccountId(REALM, subject_of(1)), AccountId(REALM, subject_of(2))
        await store.put_record(other, AccountRecord(), factors={Factor.TOTP: secret_of(2)})
        found = [
            {str(field).split(":")[0] for field in client.hkeys(names.keys.of(one).account)} for one in (made, other)
        ]
        assert found[0] == found[1]
        standing = await store.recall(made, scope=Scope.ACCOUNT, session="")
        expected = await store.recall(other, scope=Scope.ACCOUNT, session="")
        assert (standing.recorded, standing.epoch, standing.factors) == (True, expected.epoch, expected.factors)
        assert [proof.factor for proof in standing.proofs] == [Factor.TOTP]
    finally:
        client.close()
        await store.close()


@on_linux
@pytest.mark.processes
def test_accounts_windows_and_rules_are_measured() -> None:
    found = scale.accounts(200)
    assert found.bytes_each > 0
    assert found.recall_us > 0
    assert scale.rules(50).look_up_us > 0
    assert scale.windows(50).look_up_us > 0
    text = scale.table([found], [scale.windows(1)], [scale.rules(1)], scale.Workers(100.0, 84.0, 0.84))
    assert "0.84 of one's, at least 0.85: not held" in text
