"""gigya, a client for Node that servers use, as it is: anonymous, with a secret, signed, and with a signed token."""

import base64
import secrets
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.e2e.gigya import ADA, PASSWORD, Shop
from tests.e2e.node_clients import node_modules, run_node

# One gateway for all of them: none leaves anything that another would meet.
pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

PARTNER = base64.b64encode(secrets.token_bytes(20)).decode()
SIGNER = base64.b64encode(secrets.token_bytes(20)).decode()
PAIR = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE_PEM = PAIR.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC_PEM = PAIR.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

# The client calls these hosts, each for one family of methods; here all of them are the gateway's.
GIGYA = """
trusted_proxies: [127.0.0.1/32]
dialects:
  gigya:
    enabled: true
    hosts: [accounts.us1.gigya.com, socialize.us1.gigya.com]
    sites:
      - api_key: 3_KEY
        realm: people
        secret_file: ./partner
        user_keys: [{key: ASigner, secret_file: ./signer}, {key: ABearer, public_key_file: ./bearer.pem}]
        tfa: {require: "off"}
      - {api_key: 3_PLAIN, realm: plain}
"""
BY_SECRET = {"secret": PARTNER}
SIGNED = {"userKey": "ASigner", "secret": SIGNER}
BY_TOKEN = {"userKey": "ABearer", "privateKey": PRIVATE_PEM}
UID = ADA["subject"]


class Server:
    """A server of the site, which calls the gateway with this client."""

    def __init__(self, shop: Shop) -> None:
        self._port = shop.port

    async def ask(self, *calls: tuple[str, dict[str, object]], credentials: object = None) -> list[dict[str, Any]]:
        asked = {"port": self._port, "key": "3_KEY", "credentials": credentials, "secret": PARTNER, "calls": calls}
        outcomes: list[dict[str, Any]] = await run_node("gigya.js", asked)
        return outcomes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    node_modules()
    folder = tmp_path_factory.mktemp("shop")
    async with Shop(folder, more=GIGYA) as shop:
        (folder / "partner").write_text(PARTNER)
        (folder / "signer").write_text(SIGNER)
        (folder / "bearer.pem").write_text(PUBLIC_PEM)
        await shop.open()
        yield Server(shop)


async def test_anybody_gets_ids_and_keys_and_logs_in(server: Server) -> None:
    login: dict[str, object] = {"loginID": "ada@shop.test", "password": PASSWORD}
    ids, keys, entered, wrong = await server.ask(
        ("socialize.getIDs", {}),
        ("accounts.getJWTPublicKey", {"V2": True}),
        ("accounts.login", {**login, "include": "profile,data,id_token"}),
        ("accounts.login", {**login, "password": "wrong"}),
    )
    assert ids["gcid"] == ids["gmid"]
    assert (entered["UID"], entered["data"]["personId"], entered["isValid"]) == (UID, "person-1", True)
    key = jwt.PyJWK(keys["keys"][0])
    claims = jwt.decode(entered["id_token"], key, algorithms=["RS256"])
    assert (claims["iss"], claims["sub"]) == ("https://fidm.gigya.com/jwt/3_KEY/", UID)
    assert (wrong["errorCode"], wrong["failed"].endswith("invalid loginID or password")) == (403042, True)


async def test_a_session_is_shown_as_an_oauth_token(server: Server) -> None:
    login: dict[str, object] = {"loginID": "ada@shop.test", "password": PASSWORD, "targetEnv": "mobile"}
    ((entered),) = await server.ask(("accounts.login", login))
    shown = {"oauth_token": entered["sessionInfo"]["sessionToken"], "apiKey": "3_KEY"}
    seen, signed, out, gone = await server.ask(
        ("accounts.getAccountInfo", dict(shown)),
        ("accounts.getJWT", {**shown, "fields": "data.personId,sid"}),
        ("accounts.logout", dict(shown)),
        ("accounts.getAccountInfo", dict(shown)),
    )
    assert (seen["UID"], signed["ignoredFields"], out["errorCode"]) == (UID, "sid", 0)
    assert gone["errorCode"] == 403005


@pytest.mark.parametrize("credentials", [BY_SECRET, SIGNED, BY_TOKEN], ids=["secret", "signed", "token"])
async def test_a_server_speaks_for_accounts_of_its_site(server: Server, credentials: dict[str, str]) -> None:
    seen, written, again, signed, nobody = await server.ask(
        ("accounts.getAccountInfo", {"UID": UID}),
        ("accounts.setAccountInfo", {"UID": UID, "profile": {"lastName": "Lovelace"}, "data": {"ö": "& é"}}),
        ("accounts.getAccountInfo", {"UID": UID, "include": "profile,data"}),
        ("accounts.getJWT", {"targetUID": UID, "fields": "profile.lastName"}),
        ("accounts.getAccountInfo", {"UID": "nobody"}),
        credentials=credentials,
    )
    assert (seen["UID"], seen["profile"]["firstName"]) == (UID, "Ada")
    assert written["errorCode"] == 0
    assert (again["profile"]["lastName"], again["data"]["ö"]) == ("Lovelace", "& é")
    claims = jwt.decode(signed["id_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["profile.lastName"], "sid" in claims) == (UID, "Lovelace", False)
    assert nobody["errorCode"] == 403005


@pytest.mark.parametrize(
    ("credentials", "code"),
    [
        ({"secret": SIGNER}, 403010),
        ({"userKey": "ASigner", "secret": PARTNER}, 403003),
        ({"userKey": "ANobody", "secret": SIGNER}, 403005),
        ({"userKey": "ASigner", "privateKey": PRIVATE_PEM}, 403005),
        (None, 403007),
    ],
)
async def test_nobody_else_does(server: Server, credentials: object, code: int) -> None:
    ((seen),) = await server.ask(("accounts.getAccountInfo", {"UID": UID}), credentials=credentials)
    assert seen["errorCode"] == code


async def test_a_server_has_a_signature_exchanged_for_one_of_its_own(server: Server) -> None:
    login: dict[str, object] = {"loginID": "ada@shop.test", "password": PASSWORD}
    ((entered),) = await server.ask(("accounts.login", login))
    shown = {name: entered[name] for name in ("UID", "UIDSignature", "signatureTimestamp")}
    exchanged, late = await server.ask(
        ("accounts.exchangeUIDSignature", dict(shown)),
        ("accounts.exchangeUIDSignature", {**shown, "signatureTimestamp": "1700000000"}),
        credentials=SIGNED,
    )
    assert exchanged["errorCode"] == 0
    assert exchanged["UIDSignature"] != entered["UIDSignature"]
    assert late["errorCode"] == 400128
