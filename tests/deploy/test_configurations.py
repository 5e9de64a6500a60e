"""The configuration inside every set of manifests: our own `check` takes it, and it fits what is around it."""

from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from mfa_gateway.cli.commands import cli
from mfa_gateway.settings import Settings, load_settings
from tests.deploy.layout import Layout, contents
from tests.deploy.manifests import Manifest, gateways

# What processes need to end beyond timeouts.drain (cli.supervision.crew), and some more.
FAREWELL_SECONDS: Final = 5


@pytest.fixture
def layout(manifests_of: list[Manifest], tmp_path: Path) -> Layout:
    (pod,) = gateways(manifests_of)
    return Layout(tmp_path, pod, manifests_of, contents())


def settings_of(layout: Layout) -> Settings:
    return load_settings(layout.config, environ=layout.environ)


def test_check_calls_it_good(layout: Layout) -> None:
    done = CliRunner().invoke(cli, ["check", "--config", str(layout.config)], env=layout.environ)

    assert done.exit_code == 0, done.output
    assert "is good" in done.output


def test_it_listens_at_the_ports_that_are_published(layout: Layout) -> None:
    settings = settings_of(layout)
    ports = {one["containerPort"] for one in layout.pod.gateway["ports"]}

    assert settings.ops_listen is not None
    assert {settings.listen.port, settings.ops_listen.port} <= ports
    assert settings.listen.host == settings.ops_listen.host == "0.0.0.0"


def test_there_is_time_to_drain_before_it_is_killed(layout: Layout) -> None:
    drain = settings_of(layout).timeouts.drain

    assert layout.pod.spec["terminationGracePeriodSeconds"] >= drain + FAREWELL_SECONDS


def test_there_is_a_pause_before_connections_are_refused(layout: Layout) -> None:
    before = [one.get("lifecycle", {}).get("preStop", {}).get("sleep", {}) for one in layout.pod.spec["containers"]]
    pauses = [one["seconds"] for one in before if one] + [settings_of(layout).timeouts.notice]

    assert max(pauses) >= 5


def test_replicas_share_a_store(layout: Layout, manifests_of: list[Manifest]) -> None:
    (owner,) = (one for one in manifests_of if f"{one['kind']}/{one['metadata']['name']}" == layout.pod.owner)
    kind = settings_of(layout).store.kind

    assert kind == "redis" or (kind == "embedded" and owner["spec"]["replicas"] == 1)


def test_secrets_come_from_files(layout: Layout) -> None:
    text = layout.config.read_text()

    assert "keys_file:" in text
    assert "password:" not in text
    assert "keys: [" not in text
