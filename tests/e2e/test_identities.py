"""Who is calling, in every way that can be configured, and what the API sees of it: on a running gateway."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.installation import Installation, answer
from tests.identity.issuers import Issuer, hang_up, says

pytestmark = pytest.mark.processes

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: change-password, methods: [PATCH], paths: ["/customer-password/{id}"], policy: mfa}
    - {name: orders, paths: ["/orders/**"], policy: mfa, require: if_enrolled}
"""
HEADER = "header: {realm: staff, name: X-Forwarded-User, from: [127.0.0.1]}"


def with_identity(running: Installation, *lines: str) -> None:
    """Write more into the identity section."""
    text = running.config.read_text()
    more = "".join(f"  {line}\n" for line in lines)
    running.config.write_text(text.replace("identity:\n", f"identity:\n{more}", 1))


# --- Opaque tokens ----------------------------------------------------------------------------


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    running = Issuer(says(sub="ada", email="ada@shop.test"))
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def introspecting(tmp_path: Path, issuer: Issuer) -> AsyncIterator[Installation]:
    async with Installation(tmp_path, rules=RULES) as running:
        (tmp_path / "client-secret").write_text("hunter2")
        where = f"url: '{issuer.url}', client_id: gate, client_secret_file: ./client-secret, timeout: 2s"
        with_identity(running, f"introspection: {{realm: shop, {where}}}")
        await running.start()
        yield running


async def test_an_opaque_token_goes_through_a_ceremony_and_the_gate(
    introspecting: Installation, issuer: Issuer
) -> None:
    token = f"opaque-{secrets.token_hex(8)}"
    await introspecting.enrol(token)
    code = await introspecting.fresh_code(token)
    response = await introspecting.call("PATCH", "/customer-password/42", token=token, code=code)

    assert response.status_code == 200
    assert introspecting.api.seen[-1].values("authorization") == [f"Bearer {token}"]
    assert {question.client for question in issuer.questions} == {"gate:hunter2"}
    assert len(issuer.questions) == 1
    assert token not in introspecting.log


async def test_signed_tokens_are_judged_beside_them_and_never_looked_up(
    introspecting: Installation, issuer: Issuer
) -> None:
    assert answer(await introspecting.call("GET", "/orders/1", token=introspecting.token())) == "200"
    assert answer(await introspecting.call("GET", "/orders/1", token=introspecting.token(exp=1))) == "401/001"
    assert issuer.questions == []


async def test_an_issuer_that_is_away_is_503_and_open_routes_go_on(introspecting: Installation, issuer: Issuer) -> None:
    issuer.answer = hang_up
    response = await introspecting.call("GET", "/orders/1", token="opaque")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert introspecting.api.seen == []
    assert (await introspecting.call("GET", "/public", token="opaque")).status_code == 200


async def test_an_inactive_token_is_401(introspecting: Installation, issuer: Issuer) -> None:
    issuer.answer = says(active=False)
    assert answer(await introspecting.call("GET", "/orders/1", token="opaque")) == "401/001"
    assert introspecting.api.seen == []


# --- The trusted header -----------------------------------------------------------------------


@pytest.fixture
async def behind_a_proxy(tmp_path: Path) -> AsyncIterator[Installation]:
    async with Installation(tmp_path, rules=RULES) as running:
        with_identity(running, HEADER)
        running.config.write_text(running.config.read_text().replace("source: claims", "source: store"))
        await running.run("accounts", "add", "--realm", "staff", "--subject", "ada", "--email", "ada@shop.test")
        await running.start()
        yield running


async def test_a_caller_whom_the_proxy_names_goes_through_a_ceremony_and_the_gate(
    behind_a_proxy: Installation,
) -> None:
    named = {"X-Forwarded-User": "ada"}
    body = {"data": {"type": "multi-factor-auth-type-activate", "attributes": {"type": "email"}}}
    response = await behind_a_proxy.call("POST", "/multi-factor-auth-type-activate", headers=named, json=body)
    assert response.status_code == 204
    code = await behind_a_proxy.mailbox.code()
    body["data"]["type"] = "multi-factor-auth-type-verify"
    response = await behind_a_proxy.call("POST", "/multi-factor-auth-type-verify", headers=named, json=body, code=code)
    assert response.status_code == 204

    assert answer(await behind_a_proxy.call("GET", "/orders/1", headers=named)) == "200"
    seen = behind_a_proxy.api.seen[-1]
    assert seen.values("x-forwarded-user") == ["ada"]
    assert seen.values("x-mfa-verified") == ["true"]


async def test_a_name_beside_a_token_is_400_and_the_api_sees_nothing(behind_a_proxy: Installation) -> None:
    named, token = {"X-Forwarded-User": "ada"}, behind_a_proxy.token()
    response = await behind_a_proxy.call("GET", "/orders/1", headers=named, token=token)
    assert (response.status_code, response.headers["x-mfa-error-code"]) == (400, "two_credentials")
    response = await behind_a_proxy.call("GET", "/multi-factor-auth-types", headers=named, token=token)
    assert (response.status_code, response.headers["x-mfa-error-code"]) == (400, "two_credentials")
    assert behind_a_proxy.api.seen == []


async def test_the_word_of_a_stranger_is_taken_off(tmp_path: Path) -> None:
    async with Installation(tmp_path, rules=RULES) as running:
        with_identity(running, HEADER.replace("127.0.0.1", "192.0.2.1"))
        await running.start()
        forged = [("X-Forwarded-User", "ada"), ("X_Forwarded_User", "ada"), ("X-Forwarded-For", "192.0.2.1")]
        assert answer(await running.call("GET", "/orders/1", headers=forged)) == "403/002"
        assert running.api.seen == []
        assert (await running.call("GET", "/public", headers=forged)).status_code == 200
        assert (await running.call("GET", "/orders/1", headers=forged, token=running.token())).status_code == 200
        values = [value for seen in running.api.seen for name, value in seen.headers if "user" in name.lower()]
        assert set(values) <= {running.client.headers["user-agent"]}


# --- Other credentials ------------------------------------------------------------------------

CARRIERS = [("Cookie", "session=b"), ("X-Api-Key", "k"), ("X_Api_Key", "k"), ("Proxy-Authorization", "Basic Yg==")]


def carried(running: Installation) -> set[str]:
    """The carriers that the API saw, by their folded names."""
    [seen] = running.api.seen
    folded = {name.lower().replace("_", "-") for name, _ in seen.headers}
    return folded & {"cookie", "x-api-key", "proxy-authorization"}


@pytest.fixture
async def installation(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Installation]:
    async with Installation(tmp_path, rules=RULES) as running:
        if request.param is not None:
            with_identity(running, f"other_credentials: {{action: {request.param}}}")
        await running.start()
        yield running


def where(*actions: str | None) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("installation", actions, indirect=True)


@where(None, "strip")
async def test_stripped_carriers_do_not_reach_the_api(installation: Installation) -> None:
    token = installation.token()
    assert answer(await installation.call("GET", "/orders/1", token=token, headers=CARRIERS)) == "200"
    assert carried(installation) == set()
    assert installation.api.seen[0].values("authorization") == [f"Bearer {token}"]


@where(None, "strip", "refuse")
async def test_a_credential_in_the_query_is_refused(installation: Installation) -> None:
    for query in ("access_token=x", "a=b&API_KEY=x", "access%5Ftoken=x"):
        response = await installation.call("GET", f"/orders/1?{query}", token=installation.token())
        assert (response.status_code, response.headers["x-mfa-error-code"]) == (400, "credential_in_query")
    assert installation.api.seen == []
    assert (await installation.call("GET", "/public?access_token=x")).status_code == 200


@where("refuse")
async def test_refused_carriers_are_400_on_protected_routes_alone(installation: Installation) -> None:
    for carrier in CARRIERS:
        response = await installation.call("GET", "/orders/1", token=installation.token(), headers=[carrier])
        assert response.status_code == 400
    assert installation.api.seen == []
    assert (await installation.call("GET", "/public", headers=CARRIERS[:2])).status_code == 200
    assert carried(installation) == {"cookie", "x-api-key"}


@where("forward")
async def test_forwarded_carriers_reach_the_api(installation: Installation) -> None:
    query = "access_token=x"
    response = await installation.call("GET", f"/orders/1?{query}", token=installation.token(), headers=CARRIERS[:2])
    assert response.status_code == 200
    assert carried(installation) == {"cookie", "x-api-key"}
    assert installation.api.seen[0].target == f"/orders/1?{query}"
