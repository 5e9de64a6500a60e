"""The status: over all reasons, dialects and proxies, no refusal is ever taken for a yes."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.app.translation import dialects_of
from mfa_gateway.core.call import Call
from mfa_gateway.core.verdict import Reason, Refuse, Verdict
from mfa_gateway.dialects.wire import Asked, Dialect, Reply
from mfa_gateway.settings import parse_settings
from tests.doors.forward_auth.asking import PROXIES, ask, rebuilt, world
from tests.doors.gateways import World
from tests.doors.scopes import BEARER, Exchange
from tests.engine.fakes import rule


class Polite:
    """A dialect that says no with any status, as old ones do, and repeats the reason nowhere."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.endpoints: Mapping[str, str] = {}

    def decode(self, submission: Any) -> Any:
        raise NotImplementedError

    def encode(self, outcome: Any, asked: Asked) -> Reply:
        raise NotImplementedError

    def refuse(self, reason: Reason, asked: Asked, *, retry_after_ms: int = 0) -> Reply:
        del asked, retry_after_ms
        return Reply(self.status, body=reason.value.encode())


class Refusing:
    """A judge that refuses for one reason."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict

    async def judge(self, call: Call) -> Verdict:
        return self.begin(call)

    def begin(self, call: Call) -> Verdict:
        del call
        return self.verdict


def refusing(reason: Reason, dialect: str, spoken: Dialect) -> World:
    """A gateway whose judge is told what to say, and how it is put."""
    verdict = Refuse(reason, rule(dialect=dialect), retry_after_ms=1000)
    return rebuilt(world(), judge=Refusing(verdict), dialects={dialect: spoken})


def is_a_no(name: str, exchange: Exchange) -> bool:
    """Whether this proxy takes an answer for a no, and is told the reason."""
    understood = {"nginx": {401, 403}, "envoy": range(400, 500)}.get(name, range(400, 600))
    return exchange.status in understood and len(exchange.values(b"x-mfa-error-code")) == 1


@pytest.fixture(scope="module")
def dialects(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Dialect]:
    """Every one there is."""
    tree = {
        "secrets": {"keys": [b64encode(bytes(32)).decode()]},
        "access_control": {"default_policy": "open"},
        "senders": {"email": {"log": {}}},
    }
    return dialects_of(parse_settings(tree, folder=tmp_path_factory.mktemp("settings")))


@pytest.mark.parametrize("name", PROXIES)
async def test_every_reason_in_every_dialect_is_a_no_to_every_proxy(name: str, dialects: Mapping[str, Dialect]) -> None:
    for dialect, spoken in dialects.items():
        for reason in Reason:
            exchange = await ask(refusing(reason, dialect, spoken), name, "/protected", BEARER)
            assert is_a_no(name, exchange), (dialect, reason, exchange.sent)


@settings(max_examples=400, deadline=None)
@given(name=st.sampled_from(PROXIES), reason=st.sampled_from(Reason), status=st.integers(100, 599))
async def test_whatever_status_a_dialect_has_for_no_it_is_a_no_to_every_proxy(
    name: str, reason: Reason, status: int
) -> None:
    exchange = await ask(refusing(reason, "polite", Polite(status)), name, "/protected", BEARER)
    assert is_a_no(name, exchange)
