"""What a configuration says about log-outs of issuers, put together."""

import base64
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest

from mfa_gateway import Gateway, MFAMiddleware, load_settings
from mfa_gateway.doors.asgi import Receive, Scope, Send
from mfa_gateway.identity.claims import LOGOUT_EVENT

SECRET = secrets.token_urlsafe(48)
CONFIGURATION = """
store: {{url: "memory://", timeout: 5s}}
secrets: {{keys_file: ./keys}}
identity:
  bearer:
    - {{realm: shop, issuer: "https://idp.test", audience: shop-api, algorithms: [HS256], secret_file: ./secret{more}}}
senders: {{email: {{log: {{}}}}}}
access_control: {{default_policy: deny}}
"""

Configure = Callable[[str], Gateway]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """A gateway whose issuer has these keys as well."""

    def configured(more: str) -> Gateway:
        (tmp_path / "keys").write_text(base64.b64encode(secrets.token_bytes(32)).decode())
        (tmp_path / "secret").write_text(SECRET)
        (tmp_path / "conf.yaml").write_text(CONFIGURATION.format(more=more))
        return Gateway(load_settings(tmp_path / "conf.yaml", environ={}))

    return configured


async def application(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("nothing is let through")


async def bid(gateway: Gateway, **changes: Any) -> int:
    """The status of the answer to a log-out."""
    now = int(time.time())
    said = {"iss": "https://idp.test", "sub": "ada", "iat": now, "exp": now + 60, "jti": "1"}
    token = jwt.encode({**said, "events": {LOGOUT_EVENT: {}}, **changes}, SECRET, "HS256")
    await gateway.start()
    try:
        transport = httpx2.ASGITransport(MFAMiddleware(application, gateway=gateway))
        async with httpx2.AsyncClient(transport=transport, base_url="http://gw.test") as client:
            answer = await client.post("/_mfa/backchannel-logout", data={"logout_token": token})
            return answer.status_code
    finally:
        await gateway.stop()


async def test_nobody_tells_of_log_outs_where_nobody_was_asked_to(configure: Configure) -> None:
    gateway = configure("")
    assert gateway.parts.backchannel is None
    assert await bid(gateway, aud="shop-api") == 403


@pytest.mark.parametrize(("more", "audience"), [("", "shop-api"), (", logout_audience: shop-web", "shop-web")])
async def test_they_are_for_the_audience_of_access_tokens_or_for_one_of_their_own(
    configure: Configure, more: str, audience: str
) -> None:
    assert await bid(configure(f", backchannel_logout: true{more}"), aud=audience) == 200
    assert await bid(configure(f", backchannel_logout: true{more}"), aud="somebody-else") == 400
