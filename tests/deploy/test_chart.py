"""The Helm chart: what it makes of values, and which values it refuses before anything is installed."""

import json
from typing import Any

import pytest
import yaml

from mfa_gateway import __version__
from tests.deploy.chart_schema import values_schema
from tests.deploy.charts import CONFIG, MINIMUM, VALUES
from tests.deploy.manifests import CHART, Manifest, Refused, charted, gateways, linted, named, pods


def configuration(manifests: list[Manifest]) -> dict[str, Any]:
    found = yaml.safe_load(named(manifests, "ConfigMap")["data"]["mfa-gateway.yaml"])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_helm_lint_finds_nothing(values: dict[str, Any]) -> None:
    assert linted(values) == []


def test_the_schema_of_the_values_is_the_one_of_the_configuration() -> None:
    """`make schema` writes it."""
    assert json.loads((CHART / "values.schema.json").read_text()) == values_schema()


def test_every_value_has_a_place_in_the_schema() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    assert values.keys() | {"global"} == values_schema()["properties"].keys()


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert str(chart["appVersion"]) == __version__


def test_the_configuration_is_what_the_values_say_and_what_the_chart_knows() -> None:
    found = configuration(charted(MINIMUM))

    assert found["listen"] == "0.0.0.0:8080"
    assert found["secrets"] == {"keys_file": "/run/secrets/mfa-gateway/keys"}
    assert {key: found[key] for key in CONFIG} == CONFIG


def test_what_values_say_of_the_store_stays() -> None:
    assert configuration(charted(VALUES["everything"]))["store"] == {"timeout": "200ms"}


def test_a_changed_configuration_rolls_out() -> None:
    def checksum(values: dict[str, Any]) -> str:
        (deployment,) = (one for one in charted(values) if one["kind"] == "Deployment")
        return str(deployment["spec"]["template"]["metadata"]["annotations"]["checksum/config"])

    assert checksum(MINIMUM) == checksum({**MINIMUM, "replicas": 3})
    assert checksum(MINIMUM) != checksum({**MINIMUM, "config": {**CONFIG, "upstream": "http://other:80"}})


def test_little_is_installed_that_nobody_asked_for() -> None:
    kinds = sorted(one["kind"] for one in charted(MINIMUM))

    assert kinds == ["ConfigMap", "Deployment", "NetworkPolicy", "Pod", "PodDisruptionBudget", "Service", "Service",
                     "ServiceAccount"]  # fmt: skip


def test_an_autoscaler_is_not_fought_by_a_number_of_replicas() -> None:
    manifests = charted(VALUES["everything"])

    assert "replicas" not in named(manifests, "Deployment")["spec"]
    assert named(manifests, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "gate-mfa-gateway"


def test_a_store_of_its_own_is_on_a_volume_that_outlives_the_release() -> None:
    manifests = charted(VALUES["embedded"])
    claim = named(manifests, "PersistentVolumeClaim")

    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert named(manifests, "Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert configuration(manifests)["store"] == {"url": "embedded", "data_dir": "/var/lib/mfa-gateway"}


def test_prometheus_finds_the_port_of_those_who_watch() -> None:
    manifests = charted(VALUES["everything"])
    monitor = named(manifests, "ServiceMonitor")
    (found,) = (
        one
        for one in manifests
        if one["kind"] == "Service"
        and monitor["spec"]["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()
    )

    assert monitor["spec"]["endpoints"][0]["port"] in {one["name"] for one in found["spec"]["ports"]}


def test_helm_test_asks_a_service_that_is_there_and_is_let_in() -> None:
    manifests = charted(MINIMUM)
    (test,) = (one for one in pods(manifests) if one.owner.startswith("Pod/"))
    host, _, port = test.spec["containers"][0]["args"][-1].removeprefix("http://").partition(":")
    service = named(manifests, "Service", host)
    policy = named(manifests, "NetworkPolicy")
    (rule,) = (one for one in policy["spec"]["ingress"] if {"port": "ops", "protocol": "TCP"} in one["ports"])

    assert service["spec"]["ports"][0]["port"] == int(port.partition("/")[0])
    assert any(one.get("podSelector", {}).get("matchLabels") == test.labels for one in rule["from"])


def test_the_image_can_be_named_by_digest() -> None:
    digest = f"sha256:{'a' * 64}"
    (pod,) = gateways(charted({**MINIMUM, "image": {"digest": digest}}))

    assert pod.gateway["image"] == f"registry.example/mfa-gateway@{digest}"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"config": CONFIG}, "existingSecret"),
        ({"existingSecret": "mfa-gateway"}, "access_control"),
        ({**MINIMUM, "config": {**CONFIG, "upstream": []}}, "neither the API to forward to"),
        ({**MINIMUM, "config": {**CONFIG, "upstraem": "http://api:80"}}, "upstraem"),
        ({**MINIMUM, "config": {**CONFIG, "access_control": {"rules": []}}}, "default_policy"),
        ({**MINIMUM, "config": {**CONFIG, "codes": {"length": 3}}}, "length"),
        ({**MINIMUM, "replica": 3}, "replica"),
        ({**MINIMUM, "image": {"tag": "latest"}}, "tag"),
        ({**MINIMUM, "config": {**CONFIG, "listen": "0.0.0.0:80"}}, "config.listen is written by the chart"),
        ({**MINIMUM, "config": {**CONFIG, "store": {"url": "redis://x:1/0"}}}, "config.store.url is written"),
        ({**MINIMUM, "config": {**CONFIG, "timeouts": {"drain": "1m"}}}, "set the value drainSeconds"),
        ({**MINIMUM, "noticeSeconds": 40}, "noticeSeconds is a part of drainSeconds"),
        ({**MINIMUM, "store": {"kind": "embedded"}}, "is for one replica"),
        (
            {**MINIMUM, "replicas": 1, "autoscaling": {"enabled": True}, "store": {"kind": "embedded"}},
            "is for one replica",
        ),
        ({**MINIMUM, "extAuthz": {"enabled": True}}, "config.trusted_proxies"),
    ],
)  # fmt: skip
def test_bad_values_are_refused_with_a_reason(values: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why.replace(".", r"\.")):
        charted(values)
