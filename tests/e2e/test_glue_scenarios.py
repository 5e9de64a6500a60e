"""The eleven scenarios of the Glue contract, against a gateway process with a real store and real mails."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.installation import Installation, answer

pytestmark = pytest.mark.processes

CHANGE = ("PATCH", "/customer-password/42")

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: change-password, methods: [PATCH], paths: ["/customer-password/{id}"], policy: mfa}
    - {name: orders, paths: ["/orders/**"], policy: mfa, require: if_enrolled}
    - {name: brief, paths: ["/brief"], policy: mfa, grace: 1500ms}
    - {name: every-time, paths: ["/every-time"], policy: mfa, grace: 0s}
    - {name: app-only, paths: ["/app-only"], policy: mfa, factors: [totp]}
"""


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with Installation(tmp_path, rules=RULES) as running:
        await running.start()
        yield running


async def test_1_a_caller_with_a_token_sees_the_types(installation: Installation) -> None:
    response = await installation.call("GET", "/multi-factor-auth-types", token=installation.token())

    assert response.status_code == 200
    document = response.json()
    assert [entry["type"] for entry in document["data"]] == ["multi-factor-auth-types"] * 2
    assert document["data"][0] == {
        "type": "multi-factor-auth-types",
        "id": None,
        "attributes": {"type": "email", "status": "deactivated"},
        "links": {"self": f"http://127.0.0.1:{installation.port}/multi-factor-auth-types"},
    }
    assert installation.api.seen == []


async def test_2_activation_sends_a_code_and_is_pending_until_verified(installation: Installation) -> None:
    token = installation.token()

    assert (await installation.ceremony("type-activate", token=token)).status_code == 204

    await installation.mailbox.code()
    assert installation.mailbox.messages[0][0] == "ada@shop.test"
    assert await _status(installation, token) == "activation is pending"
    assert answer(await installation.call("GET", "/orders/1", token=token)) == "200"


@pytest.mark.parametrize(
    ("step", "factor", "code"),
    [
        ("type-activate", "pigeon", None),
        ("type-verify", "email", "123456"),
        ("type-deactivate", "email", "123456"),
        ("trigger", "email", None),
    ],
)
async def test_3_a_type_that_is_not_there_is_not_found(
    installation: Installation, step: str, factor: str, code: str | None
) -> None:
    response = await installation.ceremony(step, token=installation.token(), factor=factor, code=code)

    assert answer(response) == "400/5906"


async def test_3_a_pending_type_cannot_be_deactivated(installation: Installation) -> None:
    token = installation.token()
    await installation.ceremony("type-activate", token=token)

    assert answer(await installation.ceremony("type-deactivate", token=token, code="123456")) == "400/5906"


async def test_4_a_wrong_code_leaves_the_type_pending_and_the_right_one_activates_it(
    installation: Installation,
) -> None:
    token = installation.token()
    await installation.ceremony("type-activate", token=token)
    code = await installation.mailbox.code()

    assert answer(await installation.ceremony("type-verify", token=token, code=_other_than(code))) == "403/5901"
    assert await _status(installation, token) == "activation is pending"
    assert (await installation.ceremony("type-verify", token=token, code=code)).status_code == 204
    assert await _status(installation, token) == "activated"


async def test_5_the_code_that_verified_may_deactivate_and_a_wrong_one_may_not(installation: Installation) -> None:
    token = installation.token()
    code = await installation.enrol(token)

    wrong = await installation.ceremony("type-deactivate", token=token, code=_other_than(code))
    assert answer(wrong) == "403/5901"
    assert await _status(installation, token) == "activated"
    assert (await installation.ceremony("type-deactivate", token=token, code=code)).status_code == 204
    assert await _status(installation, token) == "deactivated"
    assert answer(await installation.call(*CHANGE, token=token)) == "403/5906"


async def test_5_the_code_deactivates_nothing_under_another_token(installation: Installation) -> None:
    code = await installation.enrol(installation.token())
    stolen = installation.token(sid="another session")

    assert answer(await installation.ceremony("type-deactivate", token=stolen, code=code)) == "403/5901"


async def test_6_a_code_opens_the_window_and_only_the_upstream_answers(installation: Installation) -> None:
    token = await _enrolled_without_proof(installation)

    assert answer(await installation.call(*CHANGE, token=token)) == "403/5900"
    code = await installation.fresh_code(token)
    assert (await installation.call(*CHANGE, token=token, code=code)).json() == {"api": "was here"}
    assert answer(await installation.call(*CHANGE, token=token)) == "200"
    assert answer(await installation.call(*CHANGE, token=token, code=code)) == "200"
    assert answer(await installation.call(*CHANGE, token=token, code=_other_than(code))) == "403/5901"
    assert len(installation.api.seen) == 3


async def test_6_the_window_is_gone_at_its_length(installation: Installation) -> None:
    token = await _enrolled_without_proof(installation)
    code = await installation.fresh_code(token)
    opening = time.monotonic()
    assert answer(await installation.call("GET", "/brief", token=token, code=code)) == "200"
    opened = time.monotonic()

    async with asyncio.timeout(10):
        while answer(await installation.call("GET", "/brief", token=token)) == "200":
            assert time.monotonic() - opened < 1.5 + 0.5
    assert time.monotonic() - opening >= 1.5
    assert answer(await installation.call(*CHANGE, token=token)) == "200"


async def test_6_without_grace_every_call_takes_a_fresh_code(installation: Installation) -> None:
    token = await _enrolled_without_proof(installation)
    code = await installation.fresh_code(token)

    assert answer(await installation.call("GET", "/every-time", token=token, code=code)) == "200"
    assert answer(await installation.call("GET", "/every-time", token=token, code=code)) == "403/5901"
    assert answer(await installation.call("GET", "/every-time", token=token)) == "403/5900"


async def test_7_only_the_newest_code_works_and_the_older_is_not_counted(installation: Installation) -> None:
    token = await _enrolled_without_proof(installation)
    older = await installation.fresh_code(token)
    newest = await installation.fresh_code(token)

    for _ in range(8):
        assert answer(await installation.call(*CHANGE, token=token, code=older)) == "403/5901"
    assert answer(await installation.call(*CHANGE, token=token, code=newest)) == "200"


async def test_7_a_trigger_does_not_reset_the_count_of_wrong_attempts(installation: Installation) -> None:
    token = await _enrolled_without_proof(installation)
    for _ in range(5):
        code = await installation.fresh_code(token)
        assert answer(await installation.call(*CHANGE, token=token, code=_other_than(code))) == "403/5901"

    response = await installation.call(*CHANGE, token=token, code=await installation.fresh_code(token))

    assert answer(response) == "403/5901"
    assert 0 < int(response.headers["retry-after"]) <= 900
    assert installation.api.seen == []


async def test_8_a_proof_of_the_wrong_factor_does_not_satisfy_a_rule(installation: Installation) -> None:
    token = installation.token()
    code = await installation.enrol(token)

    assert answer(await installation.call(*CHANGE, token=token)) == "200"
    assert answer(await installation.call("GET", "/app-only", token=token)) == "403/5906"
    assert answer(await installation.call("GET", "/app-only", token=token, code=code)) == "403/5906"


async def test_9_a_code_of_another_account_is_wrong_and_counted_against_the_caller(
    installation: Installation,
) -> None:
    ada = await _enrolled_without_proof(installation, "ada")
    bob = await _enrolled_without_proof(installation, "bob")
    code_of_bob = await installation.fresh_code(bob)

    for _ in range(5):
        assert answer(await installation.call(*CHANGE, token=ada, code=code_of_bob)) == "403/5901"
    code_of_ada = await installation.fresh_code(ada)
    assert "retry-after" in (await installation.call(*CHANGE, token=ada, code=code_of_ada)).headers
    assert answer(await installation.call(*CHANGE, token=bob, code=code_of_bob)) == "200"


async def test_10_without_cors_options_follows_the_policy_like_any_other_method(installation: Installation) -> None:
    headers = {"Origin": "https://shop.test", "Access-Control-Request-Method": "PATCH"}

    assert answer(await installation.call("OPTIONS", "/orders/1", headers=headers)) == "403/002"
    assert installation.api.seen == []


async def test_11_the_upstream_never_receives_the_code(installation: Installation) -> None:
    token = await _enrolled_without_proof(installation)
    code = await installation.fresh_code(token)

    await installation.call(*CHANGE, token=token, code=code, headers={"X_MFA_Code": code, "X-MFA-Verified": "no"})
    await installation.call("GET", "/open", headers={"X-MFA-Code": code, "X-MFA-Verified": "true"})

    protected, opened = installation.api.seen
    assert code not in str(protected)
    assert protected.values("x-mfa-verified") == ["true"]
    assert protected.values("x-mfa-method") == ["email"]
    assert protected.values("x-mfa-age") == ["0"]
    assert protected.values("authorization") == [f"Bearer {token}"]
    assert code not in str(opened)
    assert opened.values("x-mfa-verified") == []


async def test_nothing_secret_is_in_the_log(installation: Installation) -> None:
    token = await _enrolled_without_proof(installation)
    code = await installation.fresh_code(token)
    await installation.call(*CHANGE, token=token, code=code)
    await installation.call(*CHANGE, token=token, code=_other_than(code))

    for secret in (code, _other_than(code), token, "ada@shop.test"):
        assert secret not in installation.log


def _other_than(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def _enrolled_without_proof(installation: Installation, subject: str = "ada") -> str:
    """The token of an account with an active e-mail factor that proved nothing yet: an operator put it on record."""
    await installation.run(
        "accounts",
        "add",
        "--realm",
        "shop",
        "--subject",
        subject,
        "--email",
        f"{subject}@shop.test",
        "--factor",
        "email",
    )
    return installation.token(subject)


async def _status(installation: Installation, token: str) -> str:
    document = (await installation.call("GET", "/multi-factor-auth-types", token=token)).json()
    states = {entry["attributes"]["type"]: entry["attributes"]["status"] for entry in document["data"]}
    return str(states["email"])
