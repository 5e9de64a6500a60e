"""Attacks on the question whether a token is good: the rows J01 to J09 of the corpus, and beyond them a grammar.

Every token here reaches a running gateway of two workers. The protected route lets whoever has no factor through
(`if_enrolled`), so that a token which is taken for good shows at the API. What the verifier makes of each flaw, one by
one and by name, stands in tests/identity.
"""

import asyncio
import hashlib
import hmac
import json
import random
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from tests.attacks.ground import dice, get
from tests.e2e.backend import Backend, backend, honest
from tests.e2e.front import put_behind, rewrite
from tests.e2e.installation import ISSUER_SECRET, Installation
from tests.e2e.valkey import Valkey
from tests.e2e.wire import Answer, connected
from tests.identity.conftest import KeyServer, hang_up, pem

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: protected, paths: ["/protected/**"], policy: mfa, require: if_enrolled, dialect: glue}
    - {name: strict, paths: ["/strict/**"], policy: mfa, dialect: glue}
"""
WRITTEN = (
    '    - {realm: shop, issuer: "https://idp.test", audience: shop-api, algorithms: [HS256], '
    "secret_file: ./issuer-secret}\n"
)
ISSUERS = """\
    - {{realm: shop, issuer: "https://idp.test", audience: shop-api, algorithms: [RS256], jwks_url: "{keys}"}}
    - {{realm: desk, issuer: "https://desk.test", audience: desk-api, algorithms: [ES256], public_key_file: ./desk.pem}}
    - {{realm: cash, issuer: "https://cash.test", audience: cash, algorithms: [HS256], secret_file: ./issuer-secret}}
"""


@dataclass
class Bank:
    """A gateway with three issuers, their keys, and a server that nobody has any reason to ask."""

    installation: Installation
    api: Backend
    keys: KeyServer
    lure: KeyServer
    rsa_key: rsa.RSAPrivateKey
    ec_key: ec.EllipticCurvePrivateKey

    def token(self, headers: dict[str, Any] | None = None, **changes: object) -> str:
        """A token of the first issuer, well signed."""
        return jwt.encode(claims(**changes), self.rsa_key, "RS256", headers={"kid": "k1", **(headers or {})})

    async def ask(self, token: str, target: str = "/protected") -> Answer:
        async with connected(self.installation.port) as client:
            return await client.ask(get(target, f"Authorization: Bearer {token}"))

    async def refuses(self, *tokens: str) -> None:
        """401 for each, the API sees nothing, and nobody was asked for a key that a token names."""
        for token in tokens:
            answer = await self.ask(token)
            assert answer.status in (401, 431), (token[:300], answer)
        assert self.api.heads == []
        assert self.lure.requests == []

    async def takes(self, *tokens: str) -> None:
        for token in tokens:
            answer = await self.ask(token)
            assert answer.status == 200, answer


def claims(**changes: object) -> dict[str, Any]:
    """What the first issuer says, without those claims that are changed to `None`."""
    now = int(time.time())
    said = {"iss": "https://idp.test", "aud": "shop-api", "sub": "ada", "iat": now, "exp": now + 600, **changes}
    return {name: value for name, value in said.items() if value is not None}


def part(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header: object, payload: object, secret: bytes = b"", digest: str = "sha256") -> str:
    """Whatever is said, signed with HMAC whatever the header says; unsigned without a secret."""
    parts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in (header, payload)]
    signing = ".".join(map(part, parts))
    return f"{signing}.{part(hmac.digest(secret, signing.encode(), getattr(hashlib, digest))) if secret else ''}"


@asynccontextmanager
async def _key_server() -> AsyncIterator[KeyServer]:
    server = KeyServer()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        server.drop_everybody()
        await listener.wait_closed()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bank]:
    folder = tmp_path_factory.mktemp("tokens")
    rsa_key, ec_key = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        ec.generate_private_key(ec.SECP256R1()),
    )
    (folder / "desk.pem").write_bytes(pem(ec_key))
    async with (
        _key_server() as keys, _key_server() as lure, backend(honest) as api, Valkey(folder / "store.sock") as store,
        Installation(folder, rules=RULES, more="workers: 2\n", store=store.url) as installation,
    ):  # fmt: skip
        keys.publish(k1=rsa_key)
        put_behind(installation, api.port)
        rewrite(installation, WRITTEN, ISSUERS.format(keys=keys.url))
        await installation.start()
        yield Bank(installation, api, keys, lure, rsa_key, ec_key)


@pytest_asyncio.fixture(loop_scope="module")
async def bank(standing: Bank) -> Bank:
    await standing.takes(standing.token())
    await standing.api.renew()
    return standing


async def test_j01_a_public_key_is_no_secret_and_no_signature_is_none(bank: Bank) -> None:
    public = bank.rsa_key.public_key()
    forms = [
        pem(bank.rsa_key), pem(bank.rsa_key).strip(), RSAAlgorithm.to_jwk(public).encode(), pem(bank.ec_key),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
    ]  # fmt: skip
    desk = claims(iss="https://desk.test", aud="desk-api")
    for form in forms:
        await bank.refuses(*(
            forged({"alg": algorithm, "kid": "k1"}, said, form) for algorithm in ("HS256",
                                                                                  "RS256") for said in (claims(), desk)
        ))  # fmt: skip
    for algorithm in (
        "none",
        "nOnE",
        "None",
        "",
        None,
        0,
        ["RS256"],
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "RS256 ",
    ):
        await bank.refuses(
            forged({"alg": algorithm}, claims()), forged({"alg": algorithm, "kid": "k1"}, claims(), b"x" * 32)
        )
    good = bank.token()
    await bank.refuses(good.rpartition(".")[0] + ".", good.rpartition(".")[0])


async def test_j02_a_key_is_used_for_its_own_algorithm(bank: Bank) -> None:
    desk = claims(iss="https://desk.test", aud="desk-api")
    ours = jwt.encode(desk, bank.ec_key, "ES256")
    await bank.takes(ours)
    await bank.api.renew()
    header, payload, signature = ours.split(".")
    for algorithm in ("RS256", "ES384", "HS256", "none"):
        await bank.refuses(f"{part(json.dumps({'alg': algorithm}).encode())}.{payload}.{signature}")
    await bank.refuses(
        jwt.encode(claims(), bank.rsa_key, "PS256", headers={"kid": "k1"}), jwt.encode(claims(), bank.rsa_key, "RS512"),
        jwt.encode(desk, bank.rsa_key, "RS256"), jwt.encode(claims(), bank.ec_key, "ES256", headers={"kid": "k1"}),
        jwt.encode(claims(), ISSUER_SECRET, "HS256"), f"{header}.{payload}.{signature[:-8]}",
    )  # fmt: skip


async def test_j04_issuer_and_audience_are_exact(bank: Bank) -> None:
    issuers: tuple[object, ...] = (
        "https://idp.tes", "https://idp.test/", "HTTPS://idp.test", "m", "", ["https://idp.test"], {}, 1, None, True,
    )  # fmt: skip
    for issuer in issuers:
        await bank.refuses(forged({"alg": "HS256"}, claims(iss=issuer), ISSUER_SECRET.encode()))
        await bank.refuses(_signed(bank, claims(iss=issuer)))
    audiences: tuple[object, ...] = (
        "other", "shop", "SHOP-API", "shop-api ", ["other"], [], [["shop-api"]], {"shop-api": 1}, None, "desk-api",
    )  # fmt: skip
    for audience in audiences:
        await bank.refuses(_signed(bank, claims(aud=audience)))
    await bank.takes(_signed(bank, claims(aud=["other", "shop-api"])))


def _signed(bank: Bank, said: dict[str, Any], **header: object) -> str:
    """With any claims of any kind, well signed."""
    signer = jwt.PyJWS()
    return signer.encode(json.dumps(said).encode(), bank.rsa_key, "RS256", headers={"kid": "k1", **header})


@pytest.mark.parametrize("key", ["issuer", "audience"])
async def test_j04_without_issuer_or_audience_nothing_starts(bank: Bank, tmp_path: Path, key: str) -> None:
    async with Installation(tmp_path) as wrong:
        said = {"issuer": ' issuer: "https://idp.test",', "audience": " audience: shop-api,"}[key]
        rewrite(wrong, said, "")
        process = await wrong.command("check")
        told, _ = await process.communicate()
        assert process.returncode == 2
        assert f"identity.bearer[0].{key}" in told.decode() + wrong.log


async def test_j05_no_address_in_a_token_is_followed_and_no_key_in_it_is_believed(bank: Bank) -> None:
    thief = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    own = RSAAlgorithm.to_jwk(thief.public_key(), as_dict=True)
    bank.lure.publish(k1=thief, k2=thief)
    for url in (
        bank.lure.url,
        "http://169.254.169.254/",
        "file:///dev/null",
        f"{bank.keys.url}@127.0.0.1:{bank.lure.port}/",
    ):
        for name in ("jku", "x5u"):
            for key_id in ("k1", "k2"):
                header = {"kid": key_id, name: url}
                await bank.refuses(jwt.encode(claims(), thief, "RS256", headers=header))
                await bank.refuses(bank.token(headers=header))
    for more in ({"jwk": own}, {"x5c": [part(pem(thief))]}, {"jwk": own, "kid": "k2"}):
        await bank.refuses(jwt.encode(claims(), thief, "RS256", headers=more))
    # An issuer may be an address as well: it is a name here, and never asked.
    await bank.refuses(jwt.encode(claims(iss=bank.lure.url), thief, "RS256", headers={"kid": "k1"}))
    assert all(b"authorization" not in asked.lower() for asked in bank.keys.requests)


async def test_j06_a_key_id_is_a_name_in_a_map(bank: Bank) -> None:
    asked = len(bank.keys.requests)
    odd = (
        "../../dev/null",
        "' OR 1=1",
        "\x00",
        "",
        "k1\n",
        "K1",
        "k" * 8_000,
        "file:///dev/null",
        "k1%00",
        "*",
        "\u212a1",
    )
    await bank.refuses(*(bank.token(headers={"kid": key_id}) for key_id in odd))
    await bank.refuses(*(_with_key_id(bank, key_id) for key_id in (1, None, ["k1"], {"k1": 1}, True, 1e308)))
    await bank.refuses(bank.token(headers={"kid": "k" * 1_000_000}))
    async with connected(bank.installation.port) as client:
        for number in range(1_000):
            forged_one = forged({"alg": "RS256", "kid": f"unknown-{number}"}, claims(), b"x")
            answer = await client.ask(get("/protected", f"Authorization: Bearer {forged_one}"))
            assert answer.status == 401
    assert bank.api.heads == []
    # One worker asks again at most once in thirty seconds, whatever arrives.
    assert len(bank.keys.requests) - asked <= 4


def _with_key_id(bank: Bank, key_id: object) -> str:
    header, payload = {"alg": "RS256", "kid": key_id}, claims()
    signing = f"{part(json.dumps(header).encode())}.{part(json.dumps(payload).encode())}"
    key = RSAAlgorithm(RSAAlgorithm.SHA256)
    return f"{signing}.{part(key.sign(signing.encode(), bank.rsa_key))}"


async def test_j06_an_issuer_that_is_away_takes_no_key_away(bank: Bank) -> None:
    answer, bank.keys.answer = bank.keys.answer, hang_up
    try:
        await bank.refuses(bank.token(headers={"kid": "unknown"}), jwt.encode(claims(), bank.rsa_key, "RS512"))
        for number in range(8):
            await bank.takes(bank.token(sub=f"person-{number}"))
    finally:
        bank.keys.answer = answer


async def test_j07_what_a_lenient_reader_forgives_is_refused(bank: Bank) -> None:
    now = int(time.time())
    await bank.refuses(*(bank.token(**{name: None}) for name in ("sub", "exp", "iat", "iss", "aud")))
    odd: dict[str, tuple[object, ...]] = {
        "exp": (str(now + 600), now - 60, True, [now + 600], {}, -1, 0, "never"),
        "iat": (str(now), now + 3_600, True, []),
        "nbf": (now + 3_600, str(now), True),
        "sub": ("", 1, ["ada"], {}, True, "a\x00b", "a\nb", "x" * 5_000),
    }
    for name, values in odd.items():
        await bank.refuses(*(_signed(bank, claims(**{name: value})) for value in values))
    good = json.dumps(claims()).encode()
    for twice in (b'"sub": "ada", "sub": "root"', b'"sub": "ada", "\\u0073ub": "root"'):
        await bank.refuses(_signed_bytes(bank, good.replace(b'"sub": "ada"', twice)))
    for raw in (good + b" x", b"[" + good + b"]", b"\xef\xbb\xbf" + good, good.replace(b"ada", b"\xff"), b"null",
                b"[" * 5_000,
                good.replace(b"}", b', "x": NaN}'), good.replace(b"}", b",}")):  # fmt: skip
        await bank.refuses(_signed_bytes(bank, raw))
    token = bank.token()
    await bank.refuses(token + "=", token + ".", "." + token, token.replace(".", "..", 1), token.swapcase(), token[:-1])


def _signed_bytes(bank: Bank, payload: bytes) -> str:
    return jwt.PyJWS().encode(payload, bank.rsa_key, "RS256", headers={"kid": "k1"})


async def test_j07_a_short_key_stops_the_start(tmp_path: Path) -> None:
    async with Installation(tmp_path) as wrong:
        (tmp_path / "issuer-secret").write_text("short")
        process = await wrong.command("check")
        told, _ = await process.communicate()
        assert process.returncode == 2
        assert "identity.bearer[0]" in told.decode() + wrong.log


async def test_j07_a_subject_is_one_account_whatever_it_holds(bank: Bank) -> None:
    """Ada's proof is hers: no subject that looks like a part of a key, or of another subject, comes into it."""
    ada = bank.token(sub="ada:email", email="ada@shop.test", email_verified=True, sid="s")
    await bank.installation.enrol(ada)
    code = await bank.installation.fresh_code(ada)
    assert (await bank.installation.call("GET", "/strict", token=ada, code=code)).status_code == 200
    await bank.api.renew()
    for subject in (
        "ada",
        "*",
        "ada:*",
        "ada:email ",
        "ADA:EMAIL",
        "{ada:email}",
        "ada%3Aemail",
        "ada:email:totp",
        "?da:email",
    ):
        answer = await bank.ask(bank.token(sub=subject, sid="s"), "/strict")
        assert answer.status in (401, 403), subject
    # The same subject of another issuer is somebody else.
    desk = claims(iss="https://desk.test", aud="desk-api", sub="ada:email", sid="s")
    assert (await bank.ask(jwt.encode(desk, bank.ec_key, "ES256"), "/strict")).status == 403
    assert bank.api.heads == []


# --- Beyond the rows ---------------------------------------------------------------------------

_HEADERS: tuple[dict[str, object], ...] = (
    {"alg": "RS256", "kid": "k1"}, {"alg": "HS256", "kid": "k1"}, {"alg": "none"}, {"alg": "ES256"}, {"alg": "RS256"},
    {"alg": "HS256"}, {"alg": "RS256", "kid": "k1", "crit": ["exp"]}, {"alg": "RS256", "kid": "k1", "b64": False},
    {"alg": "RS256", "kid": "k1", "zip": "DEF"}, {"alg": "RS256", "enc": "A256GCM", "kid": "k1"}, {"typ": "JWT"},
    {"alg": "RS256", "kid": "k1", "typ": "logout+jwt"}, {"alg": "EdDSA", "kid": "k1"}, {"alg": "PS256", "kid": "k1"},
)  # fmt: skip


def _spoilt(chance: random.Random, token: str) -> str:
    """The text of a good token, changed somewhere."""
    place = chance.randrange(len(token))
    put = chance.choice((".", "=", "A", "-", "_", "+", "/", "%3D", "!", ",", "~", ""))
    cut = chance.choice((0, 1, 1, 1, 4))
    return token[:place] + put + token[place + cut :]


def _shuffled(chance: random.Random, tokens: list[str]) -> str:
    """Parts of several tokens together."""
    return ".".join(
        chance.choice(tokens).split(".")[chance.choice((number, number, number, 0, 1, 2))] for number in range(3)
    )


async def test_j_no_token_but_those_that_were_issued_passes(bank: Bank) -> None:
    """A grammar of headers, secrets, foreign signatures, parts of other tokens and changed texts."""
    chance = dice("J")
    desk = jwt.encode(claims(iss="https://desk.test", aud="desk-api"), bank.ec_key, "ES256")
    cash = jwt.encode(claims(iss="https://cash.test", aud="cash"), ISSUER_SECRET, "HS256")
    issued = [bank.token(), bank.token(sub="bob"), desk, cash]
    secrets = [pem(bank.rsa_key), pem(bank.ec_key), b"", b"secret", b"\x00" * 32, ISSUER_SECRET.encode(), b"k1"]
    said: list[dict[str, Any]] = [claims(), claims(sub="root"), claims(iss="https://desk.test", aud="desk-api")]

    def made() -> Iterable[str]:
        for number in range(900):
            match number % 3:
                case 0:
                    digest = chance.choice(("sha256", "sha384", "sha512"))
                    yield forged(chance.choice(_HEADERS), chance.choice(said), chance.choice(secrets), digest)
                case 1:
                    yield _shuffled(chance, issued)
                case _:
                    yield _spoilt(chance, chance.choice(issued))

    async with connected(bank.installation.port) as client:
        refused = 0
        for token in made():
            if token in issued:
                continue
            answer = await client.ask(get("/protected", f"Authorization: Bearer {token}"))
            assert answer.status == 401, (token, answer)
            refused += 1
    assert refused > 700
    assert bank.api.heads == []
    assert bank.lure.requests == []
