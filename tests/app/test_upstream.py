"""What a configuration says about forwarding, put together."""

from base64 import b64encode
from pathlib import Path

import pytest

from mfa_gateway.app.translation import upstream_of
from mfa_gateway.core.call import CanonicalPath
from mfa_gateway.doors.asgi import JUDGED
from mfa_gateway.settings import Settings, parse_settings
from tests.doors.scopes import play, scope


def settings(folder: Path, **keys: object) -> Settings:
    tree = {
        "secrets": {"keys": [b64encode(bytes(32)).decode()]},
        "access_control": {"default_policy": "open"},
        "senders": {"email": {"log": {}}},
        **keys,
    }
    return parse_settings(tree, folder=folder)


async def test_behind_proxies_nothing_has_to_be_forwarded_and_nothing_is(tmp_path: Path) -> None:
    app = upstream_of(settings(tmp_path, trusted_proxies=["127.0.0.1"]))
    exchange = await play(app, scope("/any", **{JUDGED: (CanonicalPath(b"/any", ("any",)), "gw.test")}))
    assert exchange.status == 404


def test_where_nobody_forwards_the_upstream_is_missed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^upstream: name the server"):
        upstream_of(settings(tmp_path))
