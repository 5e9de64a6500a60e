"""The gateway's own key, sessions and tokens, put together: what was opened here opens the gate, until it is closed."""

import base64
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mfa_gateway import Gateway, MFAMiddleware, load_settings
from mfa_gateway.app.issuing import Issuing, own_issuers
from mfa_gateway.core.account import AccountId
from mfa_gateway.core.session import OpenedSession, Session
from mfa_gateway.core.site import Site
from mfa_gateway.doors.asgi import Receive, Scope, Send
from mfa_gateway.identity.own_key import written_key
from mfa_gateway.identity.own_tokens import OwnIssuer
from mfa_gateway.settings.problems import ConfigurationError
from mfa_gateway.state import Store, StoreSettings, open_store
from mfa_gateway.state.keys import SIGNING_KEY

ISSUER = "https://fidm.gigya.com/jwt/3_KEY/"
ANNA = AccountId("shop", "anna")
URL = "https://accounts.test/accounts.tfa.getCertificate"
CONFIGURATION = """
store: {url: "memory://", timeout: 5s}
secrets: {keys_file: ./keys}
senders: {email: {log: {}}}
identity:
  bearer:
    - {realm: shop, issuer: "https://idp.test", audience: shop-api, algorithms: [HS256], secret_file: ./secret}
dialects: {gigya: {enabled: true, prefix: /gigya, sites: [{api_key: 3_KEY, realm: shop}]}}
access_control:
  default_policy: deny
  rules: [{paths: ["/orders"], require: if_enrolled, dialect: standard}]
"""


def key_in_pem() -> bytes:
    return rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def configured(folder: Path, more: str = "") -> Gateway:
    """A gateway with a site that logs people in, and `more` for its dialect."""
    (folder / "keys").write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    (folder / "secret").write_text(secrets.token_urlsafe(48))
    (folder / "conf.yaml").write_text(CONFIGURATION.replace("prefix: /gigya", f"{more}prefix: /gigya"))
    return Gateway(load_settings(folder / "conf.yaml", environ={}))


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    made = await open_store(StoreSettings("memory://", (bytes(range(32)),), None, 5.0))
    yield made
    await made.close()


# --- One key for all --------------------------------------------------------------------------


async def test_replicas_read_what_another_has_signed(store: Store) -> None:
    one, other = (Issuing(store, issuers={}) for _ in range(2))
    token = await one.minter.mint({"sub": "anna"}, header={"typ": "assertion+jwt"})
    assert await other.minter.read(token, purpose="assertion+jwt") == {"sub": "anna"}
    assert await one.minter.certificate_pem() == await other.minter.certificate_pem()
    assert await one.minter.jwks() == await other.minter.jwks()


async def test_no_key_is_made_before_one_is_needed(store: Store) -> None:
    issuing = Issuing(store, issuers={ISSUER: OwnIssuer("shop")})
    assert await store._line.ask("EXISTS", SIGNING_KEY) == 0
    await issuing.minter.jwks()
    assert await store._line.ask("EXISTS", SIGNING_KEY) == 1


async def test_a_key_from_a_file_signs_in_the_place_of_the_one_that_is_kept(store: Store) -> None:
    pem = key_in_pem()
    issuing = Issuing(store, issuers={}, key_file=pem)
    assert await issuing.minter.certificate_pem() == written_key(pem).certificate
    assert await store._line.ask("EXISTS", SIGNING_KEY) == 0


def test_a_file_that_holds_no_key_stops_the_start() -> None:
    with pytest.raises(ValueError, match="not a private key in PEM"):
        Issuing(Store.__new__(Store), issuers={}, key_file=b"nothing")


async def test_a_key_file_of_the_configuration_signs(tmp_path: Path) -> None:
    pem = key_in_pem()
    (tmp_path / "signing.pem").write_bytes(pem)
    gateway = configured(tmp_path, "signing_key_file: ./signing.pem, ")
    await gateway.start()
    assert await gateway.issuing.minter.certificate_pem() == written_key(pem).certificate
    await gateway.stop()


def test_a_key_file_that_cannot_be_used_is_a_problem_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "signing.pem").write_text("nothing")
    with pytest.raises(ConfigurationError, match=r"dialects\.gigya\.signing_key_file.*not a private key in PEM"):
        configured(tmp_path, "signing_key_file: ./signing.pem, ")


# --- In whose name ----------------------------------------------------------------------------


def test_each_site_names_its_realm() -> None:
    sites = [Site("3_KEY", "shop", ISSUER), Site("3_DESK", "desk", "https://desk.test"), Site("adservio", "shop")]
    assert own_issuers(sites) == {ISSUER: OwnIssuer("shop"), "https://desk.test": OwnIssuer("desk")}


def test_one_name_for_two_realms_stops_the_start() -> None:
    with pytest.raises(ValueError, match="accounts of two realms"):
        own_issuers([Site("a", "shop", ISSUER), Site("b", "desk", ISSUER)])


def test_where_there_is_no_name_there_are_no_tokens(store: Store) -> None:
    issuing = Issuing(store, issuers={})
    assert issuing.tokens is None
    assert issuing.token_subprotocols() == frozenset()


# --- At the gate ------------------------------------------------------------------------------


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    made = configured(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def application(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"orders"})


async def ask(gateway: Gateway, token: str) -> int:
    """The status of a call with a token."""
    transport = httpx2.ASGITransport(MFAMiddleware(application, gateway=gateway))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gw.test") as client:
        answer = await client.get("/orders", headers={"authorization": f"Bearer {token}"})
        return answer.status_code


async def log_in(gateway: Gateway, *, epoch: int = 0) -> tuple[Session, str]:
    opened = await gateway.issuing.sessions.open_session(ANNA, site="3_KEY", device="", life_ms=60_000, epoch=epoch)
    assert isinstance(opened, OpenedSession)
    return opened.session, await gateway.issuing.minter.mint(claims(opened.session.id))


def claims(sid: str) -> Mapping[str, object]:
    now = int(time.time())
    return {"iss": ISSUER, "sub": "anna", "iat": now, "exp": now + 300, "sid": sid}


async def test_who_was_logged_in_here_passes_the_gate_until_the_session_is_closed(gateway: Gateway) -> None:
    session, token = await log_in(gateway)
    assert [await ask(gateway, token) for _ in range(2)] == [200, 200]
    await gateway.issuing.sessions.close_session(session)
    assert await ask(gateway, token) == 401


async def test_closing_one_session_leaves_the_other_open(gateway: Gateway) -> None:
    (one, of_one), (_, of_other) = await log_in(gateway), await log_in(gateway)
    await gateway.issuing.sessions.close_session(one)
    assert [await ask(gateway, token) for token in (of_one, of_other)] == [401, 200]


async def revoke(store: Store) -> None:
    await store.revoke(ANNA)


async def disable(store: Store) -> None:
    await store.disable(ANNA)


@pytest.mark.parametrize("ends", [revoke, disable])
async def test_a_token_of_an_old_epoch_names_nobody_at_once(
    gateway: Gateway, ends: Callable[[Store], Awaitable[None]]
) -> None:
    _, token = await log_in(gateway)
    assert await ask(gateway, token) == 200
    await ends(gateway._store)
    assert await ask(gateway, token) == 401


async def test_who_logs_in_again_after_a_revocation_passes_with_the_new_token_alone(gateway: Gateway) -> None:
    _, old = await log_in(gateway)
    await gateway._store.revoke(ANNA)
    _, new = await log_in(gateway, epoch=1)
    assert [await ask(gateway, token) for token in (old, new)] == [401, 200]


async def test_a_call_with_our_own_token_takes_one_look_at_its_session_and_any_other_takes_none(
    gateway: Gateway, tmp_path: Path
) -> None:
    _, own = await log_in(gateway)
    said = {**claims(""), "iss": "https://idp.test", "aud": "shop-api"}
    foreign = jwt.encode(said, (tmp_path / "secret").read_bytes(), "HS256")
    counted = []
    for token in (own, foreign):
        assert await ask(gateway, token) == 200
        before = gateway._store.traffic.commands
        assert await ask(gateway, token) == 200
        counted.append(gateway._store.traffic.commands - before)
    assert counted == [2, 1]


async def test_neither_an_assertion_nor_the_token_of_a_session_passes_the_gate(gateway: Gateway) -> None:
    opened = await gateway.issuing.sessions.open_session(ANNA, site="3_KEY", device="", life_ms=60_000, epoch=0)
    assert isinstance(opened, OpenedSession)
    said = claims(opened.session.id)
    minter = gateway.issuing.minter
    for token in (
        await minter.mint(said, header={"typ": "assertion+jwt"}),
        await minter.mint_legacy(said, certificate_url=URL),
        opened.token,
    ):
        assert await ask(gateway, token) == 401


async def test_a_token_of_our_own_may_come_as_a_websocket_sub_protocol(gateway: Gateway) -> None:
    assert "mfa.bearer" in gateway.parts.token_subprotocols
