"""ext_authz from settings: there where it is configured, and told apart where its extra is missing."""

from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from mfa_gateway.app import Gateway, authorization_server_of, ext_authz
from mfa_gateway.settings import Settings, load_settings
from tests.app.tenants import configuration


def settings(folder: Path, more: str = "") -> Settings:
    path = configuration(folder)
    path.write_text(path.read_text() + more)
    return load_settings(path, environ={})


ASKED = "trusted_proxies: [127.0.0.1]\next_authz: {listen: 127.0.0.1:9092}\n"


def test_nobody_is_asked_where_nothing_is_configured(tmp_path: Path) -> None:
    plain = settings(tmp_path)
    assert authorization_server_of(plain, Gateway(plain)) is None


async def test_a_server_is_made_where_it_is(tmp_path: Path) -> None:
    asked = settings(tmp_path, ASKED)
    server = authorization_server_of(asked, Gateway(asked))
    assert server is not None
    await server.stop(0)


@pytest.mark.parametrize("missing", ["grpc", "google.protobuf"])
def test_a_missing_extra_is_told_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def find(name: str) -> ModuleSpec | None:
        if name == missing and "." in name:
            raise ModuleNotFoundError(name)
        return None if name == missing else ModuleSpec(name, None)

    monkeypatch.setattr(ext_authz, "find_spec", find)
    asked = settings(tmp_path, ASKED)
    with pytest.raises(ValueError, match=r"pip install 'mfa-gateway\[grpc\]'"):
        authorization_server_of(asked, Gateway(asked))
