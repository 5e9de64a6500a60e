"""The recipes of `deploy/`: what their lists have to name is what the gateway knows. That they work is tried in e2e."""

import re
from pathlib import Path
from typing import Final

import pytest

from mfa_gateway.core.credential import OtherCredentials
from mfa_gateway.doors.asgi import _OWNED
from mfa_gateway.doors.forward_auth.question import overwritten

DEPLOY: Final = Path(__file__).parents[3] / "deploy"
TAKEN_OFF: Final = {
    "nginx/mfa-off.conf": re.compile(r'^proxy_set_header (\S+) "";$', re.MULTILINE),
    "traefik/mfa.yaml": re.compile(r'^ {10}([\w.-]+): ""$', re.MULTILINE),
    "caddy/Caddyfile": re.compile(r"^\s*request_header -(\S+)$", re.MULTILINE),
}
# nginx has to write these two itself where it asks, so the shared part cannot take them off.
BESIDE: Final = {"nginx/mfa-off.conf": {"x-original-method", "x-original-url"}}
HANDED_BACK: Final = {
    "nginx/nginx.conf": r"proxy_set_header {} \$mfa_",
    "traefik/mfa.yaml": r"authResponseHeaders:\s*\[.*{}[,\]]",
    "caddy/Caddyfile": r"copy_headers .*{}\b",
}


def text(file: str) -> str:
    return (DEPLOY / file).read_text()


@pytest.mark.parametrize("file", TAKEN_OFF)
def test_every_name_that_is_ours_is_taken_off(file: str) -> None:
    listed = {name.lower() for name in TAKEN_OFF[file].findall(text(file))} | BESIDE.get(file, set())
    beginnings = tuple(name.removesuffix("*") for name in listed if name.endswith("*"))
    missing = {name for name in (owned.decode() for owned in _OWNED) if name not in listed}
    assert {name for name in missing if not name.startswith(beginnings)} == set()


@pytest.mark.parametrize("file", HANDED_BACK)
@pytest.mark.parametrize(
    "name", [*sorted(OtherCredentials().headers), b"x-mfa-verified", b"x-mfa-method", b"x-mfa-age"]
)
def test_every_name_that_an_answer_may_hand_back_is_overwritten(file: str, name: bytes) -> None:
    assert re.search(HANDED_BACK[file].format(name.decode()), text(file), re.IGNORECASE)


@pytest.mark.parametrize("file", HANDED_BACK)
def test_the_gateway_is_told_which_credentials_are_overwritten(file: str) -> None:
    (query,) = re.findall(r"/_mfa/forward-auth/\w+\?([^\s;]+)", text(file))
    assert overwritten(query.encode()) == OtherCredentials().headers


@pytest.mark.parametrize("file", ["nginx/nginx.conf", "traefik/traefik.yaml", "caddy/Caddyfile", "haproxy/haproxy.cfg"])
def test_a_recipe_says_where_everything_is(file: str) -> None:
    assert {"127.0.0.1:8000", "127.0.0.1:8080", "127.0.0.1:9000"} <= set(re.findall(r"127\.0\.0\.1:\d+", text(file)))
    assert "trusted_proxies: [127.0.0.1]" in text(file)
