"""compose.yaml: it is of the Compose Specification, keeps its promises, and its configuration is good."""

import json
import re
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner

from mfa_gateway import __version__
from mfa_gateway.cli.commands import cli
from mfa_gateway.settings import load_settings
from mfa_gateway.settings.durations import read_duration
from tests.deploy.layout import contents
from tests.deploy.manifests import DEPLOY
from tests.e2e.processes import miss

COMPOSE: Final = DEPLOY / "compose.yaml"
PROJECT: Final[dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = PROJECT["services"]
every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def test_it_is_of_the_compose_specification() -> None:
    if find_spec("compose_spec") is None:
        miss("compose-spec is missing: pip install -e '.[deploy]'")
    import compose_spec  # noqa: PLC0415 - of the deploy extra, which may be missing

    assert compose_spec.PyCompose.from_json(json.dumps(PROJECT)).service_names() == [*SERVICES]
    with pytest.raises(ValueError, match="read_onyl"):
        compose_spec.PyCompose.from_json('{"services": {"a": {"image": "b", "read_onyl": true}}}')


@every_service
def test_services_are_restricted(service: Mapping[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service["user"].startswith("0")
    assert "privileged" not in service
    assert "mem_limit" in service


@every_service
def test_services_have_a_pinned_image_and_a_health_check_without_a_shell(service: Mapping[str, Any]) -> None:
    _, _, tag = service["image"].rpartition("/")[2].partition(":")
    test = service["healthcheck"].get("test", ["CMD"])

    assert re.match(r"\d+\.\d+\.\d+", tag)
    assert test[0] == "CMD"


def test_the_image_is_of_this_version_and_built_by_our_file() -> None:
    build = SERVICES["gateway"]["build"]

    assert SERVICES["gateway"]["image"] == f"mfa-gateway:{__version__}"
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_nobody_but_the_gateway_can_be_called() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["gateway"]
    assert [name for name, network in PROJECT["networks"].items() if not network.get("internal")] == ["outside"]
    assert [name for name, service in SERVICES.items() if "outside" in service["networks"]] == ["gateway"]


def test_secrets_are_files_that_the_first_lines_say_how_to_make() -> None:
    made = {*re.findall(r"> compose/secrets/(\S+)", COMPOSE.read_text())}

    assert {Path(one["file"]).name for one in PROJECT["secrets"].values()} <= made
    assert "secrets/" in (DEPLOY / "compose" / ".gitignore").read_text().splitlines()
    for service in SERVICES.values():
        assert {*service.get("secrets", ())} <= PROJECT["secrets"].keys()


def test_the_commands_of_the_first_lines_make_every_secret(tmp_path: Path) -> None:
    lines = re.findall(r"^#   ((?:mkdir|openssl|printf|chmod) .*)$", COMPOSE.read_text(), re.MULTILINE)
    (tmp_path / "compose").mkdir()

    subprocess.run(["bash", "-euc", "\n".join(lines)], cwd=tmp_path, check=True, timeout=30)

    for one in PROJECT["secrets"].values():
        assert (tmp_path / one["file"]).stat().st_size > 16
    assert (tmp_path / "compose" / "secrets").stat().st_mode & 0o77 == 0


@pytest.mark.parametrize("name", PROJECT["configs"])
def test_configurations_are_there(name: str) -> None:
    assert (DEPLOY / PROJECT["configs"][name]["file"]).is_file()


def _laid_out(folder: Path) -> tuple[Path, dict[str, str]]:
    """The gateway's configuration and environment, with its secrets in a folder."""
    for name, text in contents().items():
        (folder / name).write_text(text)
    config = folder / "mfa-gateway.yaml"
    text = (DEPLOY / PROJECT["configs"]["mfa-gateway"]["file"]).read_text()
    config.write_text(text.replace("/run/secrets", str(folder)))
    given = SERVICES["gateway"]["environment"]
    return config, {name: value.replace("/run/secrets", str(folder)) for name, value in given.items()}


def test_check_calls_the_configuration_good(tmp_path: Path) -> None:
    config, environ = _laid_out(tmp_path)
    done = CliRunner().invoke(cli, ["check", "--config", str(config)], env=environ)

    assert done.exit_code == 0, done.output


def test_the_gateway_has_time_to_drain_and_reaches_the_api(tmp_path: Path) -> None:
    config, environ = _laid_out(tmp_path)
    settings = load_settings(config, environ=environ)
    command = SERVICES["api"]["command"]

    assert read_duration(SERVICES["gateway"]["stop_grace_period"]) >= settings.timeouts.drain + 5
    assert str(settings.upstream[0].url) == f"http://api:{command[command.index('--port') + 1]}"
    assert SERVICES["gateway"]["ports"] == [f"127.0.0.1:8080:{settings.listen.port}"]


def test_its_valkey_is_configured_like_the_one_of_the_cluster() -> None:
    ours = (DEPLOY / "compose" / "valkey.conf").read_text()
    theirs = (DEPLOY / "kustomize" / "components" / "valkey" / "valkey.conf").read_text()

    assert ours.partition("\n")[2] == theirs.partition("\n")[2]
