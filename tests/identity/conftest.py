"""What the tests of identity share: keys, tokens, a clock that is set by hand, and a server of key sets on a socket."""

import asyncio
import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import jwt
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from mfa_gateway.core.account import Anonymous, Caller
from mfa_gateway.core.call import Call, CanonicalPath
from mfa_gateway.core.fault import IdentityUnavailable
from mfa_gateway.identity.bearer import BearerIdentity
from mfa_gateway.identity.fetching import http_client
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.jwks import ACCEPT, FetchedKeys
from mfa_gateway.identity.keys import Keys
from mfa_gateway.identity.terms import BearerTerms, PublicKey, SharedSecret

NOW: Final = 1_800_000_000.0
SECRET: Final = b"0123456789abcdef0123456789abcdef"

OTHER_SECRET: Final = b"fedcba9876543210fedcba9876543210"
HEADER: Final = b'{"alg":"HS256","typ":"JWT"}'
SHOP: Final = BearerTerms("shop", "https://shop.test", ("shop-api",), ("HS256",), SharedSecret(SECRET))
DESK: Final = BearerTerms("desk", "https://desk.test", ("desk-api",), ("HS256",), SharedSecret(OTHER_SECRET))

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
Open = Callable[..., FetchedKeys]


# --- Keys: an RSA key takes a tenth of a second, so they are made once ------------------------


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def other_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def short_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


@pytest.fixture(scope="session")
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


# --- Time -------------------------------------------------------------------------------------


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock on the wall."""
    return Clock(NOW)


@pytest.fixture
def ticks() -> Clock:
    """A clock that only knows how much time has passed."""
    return Clock(0.0)


# --- Tokens -----------------------------------------------------------------------------------


def call(authorization: str | None) -> Call:
    return Call("GET", CanonicalPath(b"/", ()), authorization=authorization)


def claims(**changes: object) -> dict[str, Any]:
    plain = {"iss": "https://shop.test", "aud": "shop-api", "sub": "anna", "iat": NOW, "exp": NOW + 300}
    return {**plain, **changes}


def mint(key: Any = SECRET, algorithm: str = "HS256", /, *, headers: Any = None, **changes: Any) -> str:
    """A token of the shop, well signed."""
    return jwt.encode(claims(**changes), key, algorithm, headers=headers)


def part(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def forge(header: bytes, payload: bytes, key: bytes = SECRET) -> str:
    """A token with these very bytes, signed with HMAC-SHA-256 whatever the header says."""
    signing_input = f"{part(header)}.{part(payload)}"
    return f"{signing_input}.{part(hmac.digest(key, signing_input.encode(), hashlib.sha256))}"


# --- Issuers and what is made of their tokens -------------------------------------------------


@pytest.fixture
def identity(clock: Clock) -> BearerIdentity:
    return BearerIdentity([SHOP, DESK], clock=clock)


async def identified(identity: BearerIdentity, token: str) -> Caller | Anonymous:
    return await identity.identify(call(f"Bearer {token}"))


async def is_bad(identity: BearerIdentity, token: str, why: Flaw) -> bool:
    """Whether a token is a bad credential, for this reason."""
    with structlog.testing.capture_logs() as logs:
        answer = await identified(identity, token)
    return answer is Anonymous.BAD_CREDENTIAL and [line["flaw"] for line in logs] == [why.value]


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_terms(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *algorithms: str) -> BearerTerms:
    return BearerTerms("shop", "https://shop.test", ("shop-api",), algorithms, PublicKey(pem(key)))


# --- A server of key sets ---------------------------------------------------------------------


class KeyServer:
    """An HTTP server that counts its requests and answers each of them the same way, on a connection of its own."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.answer: Answer = plain(b"{}")
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/keys"

    def publish(self, headers: str = "", **keys: rsa.RSAPrivateKey) -> None:
        entries = [{**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": name} for name, key in keys.items()]
        self.answer = plain(json.dumps({"keys": entries}).encode(), headers=headers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            await self.answer(writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def drop_everybody(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


def plain(body: bytes, *, status: str = "200 OK", headers: str = "") -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return answer


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    key_server = KeyServer()
    listener = await asyncio.start_server(key_server.serve, "127.0.0.1", 0)
    key_server.port = listener.sockets[0].getsockname()[1]
    yield key_server
    listener.close()
    key_server.drop_everybody()
    await listener.wait_closed()


@pytest.fixture
async def open_keys(server: KeyServer, ticks: Clock) -> AsyncIterator[Open]:
    opened: list[FetchedKeys] = []
    client = http_client(5.0, accept=ACCEPT)

    def open_them(deadline: float = 5.0) -> FetchedKeys:
        log = structlog.get_logger()
        keys = FetchedKeys(server.url, ("RS256",), client=client, monotonic=ticks, log=log, deadline=deadline)
        opened.append(keys)
        return keys

    yield open_them
    for keys in opened:
        await keys.close()
    await client.aclose()


async def settled(keys: FetchedKeys) -> None:
    """Wait for the fetch that goes on in the background."""
    if keys._fetch is not None:
        await asyncio.wait({keys._fetch}, timeout=5)


def is_fetching(keys: FetchedKeys) -> bool:
    return keys._fetch is not None


async def unavailable(keys: Keys) -> None:
    with pytest.raises(IdentityUnavailable, match="no key set could be fetched yet from http://127"):
        await keys.find("a", "RS256")
