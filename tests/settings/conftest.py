"""A small configuration that is right, and ways to ask what is wrong with a change of it."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from mfa_gateway.settings import ConfigurationError, Settings, parse_settings

KEY = b64encode(bytes(range(32))).decode()

RIGHT: dict[str, Any] = {
    "upstream": "http://127.0.0.1:9000",
    "secrets": {"keys": [KEY]},
    "identity": {
        "bearer": [
            {
                "realm": "shop",
                "issuer": "https://idp.example",
                "audience": "shop-api",
                "algorithms": ["RS256"],
                "jwks_url": "https://idp.example/jwks",
            }
        ]
    },
    "senders": {"email": {"log": {}}},
    "access_control": {"default_policy": "open", "rules": [{"paths": ["/carts/**"]}]},
}

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]


def _changed(changes: Mapping[str, object]) -> dict[str, Any]:
    """The right tree with `{"codes.length": 4}` set in it; `...` takes a key out. Digits are positions."""
    tree = deepcopy(RIGHT)
    for path, value in changes.items():
        current: Any = tree
        *way, last = path.split(".")
        for step in way:
            current = current[int(step)] if isinstance(current, list) else current.setdefault(step, {})
        if isinstance(current, list):
            current[int(last) :] = [value]
        elif value is ...:
            del current[last]
        else:
            current[last] = value
    return tree


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Settings of the right tree with changes; keyword arguments are environment variables without their prefix."""

    def loaded(changes: Mapping[str, object] | None = None, **environ: str) -> Settings:
        variables = {f"MFA_GATEWAY_{name}": value for name, value in environ.items()}
        return parse_settings(_changed(changes or {}), folder=tmp_path, environ=variables)

    return loaded


@pytest.fixture
def complaints(load: Load) -> Complain:
    """What is wrong with the same, one text a problem."""

    def told(changes: Mapping[str, object] | None = None, **environ: str) -> list[str]:
        try:
            load(changes, **environ)
        except ConfigurationError as error:
            return [str(problem) for problem in error.problems]
        return []

    return told
