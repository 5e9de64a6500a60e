"""Applications with the gate inside: a gateway in memory, Ada with an authenticator, and clients without a server."""

import base64
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pyotp

from mfa_gateway import Gateway, load_settings
from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.doors.asgi import ASGIApp, Message, Scope
from mfa_gateway.state import AccountRecord

SECRET = secrets.token_bytes(20)
ISSUER_SECRET = secrets.token_urlsafe(48)
ADA = AccountId("shop", "ada")

CONFIGURATION = """
store: {{url: "memory://", timeout: 5s}}
secrets: {{keys_file: ./keys}}
identity:
  bearer:
    - {{realm: shop, issuer: "https://idp.test", audience: shop-api, algorithms: [HS256], secret_file: ./issuer-secret}}
directory: {{source: store}}
senders: {{email: {{log: {{}}}}}}
access_control:
  default_policy: open
  rules: [{rules}]
"""


def configuration(folder: Path, *rules: str) -> Path:
    """A configuration file with these rules, and the files it names."""
    (folder / "keys").write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    (folder / "issuer-secret").write_text(ISSUER_SECRET)
    path = folder / "mfa-gateway.yaml"
    path.write_text(CONFIGURATION.format(rules=", ".join(rules)))
    return path


def gateway(folder: Path, *rules: str) -> Gateway:
    return Gateway(load_settings(configuration(folder, *rules), environ={}))


def token(session: str = "first") -> str:
    now = int(time.time())
    said = {"iss": "https://idp.test", "aud": "shop-api", "sub": "ada", "sid": session, "iat": now, "exp": now + 60}
    return jwt.encode(said, ISSUER_SECRET, algorithm="HS256")


def bearer(code: str | None = None) -> dict[str, str]:
    fields = {"Authorization": f"Bearer {token()}"}
    return fields if code is None else fields | {"X-MFA-Code": code}


def app_code() -> str:
    return pyotp.TOTP(base64.b32encode(SECRET).decode()).now()


async def enrol(kept: Gateway) -> None:
    """Give Ada an authenticator. The gateway has to be open."""
    record = AccountRecord(email="ada@shop.test", email_verified=True)
    await kept._store.put_record(ADA, record, factors={Factor.TOTP: SECRET, Factor.EMAIL: "ada@shop.test"})


@asynccontextmanager
async def client(app: ASGIApp, *, root_path: str = "", raises: bool = True) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an application, without a server and without a lifespan."""
    transport = httpx2.ASGITransport(app=app, root_path=root_path, raise_app_exceptions=raises)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gw.test") as made:
        yield made


@dataclass
class Lifespan:
    """A server's side of a lifespan: what the application said."""

    app: ASGIApp
    said: list[str] = field(default_factory=list)
    incoming: list[str] = field(default_factory=lambda: ["lifespan.startup", "lifespan.shutdown"])
    between: Any = None

    async def live(self) -> list[str]:
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        await self.app(scope, self._receive, self._send)
        return self.said

    async def _receive(self) -> Message:
        kind = self.incoming.pop(0)
        if kind == "lifespan.shutdown" and self.between is not None:
            await self.between()
        return {"type": kind}

    async def _send(self, message: Message) -> None:
        self.said.append(message["type"])
