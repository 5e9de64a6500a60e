"""What holds for everything under deploy/ that a cluster is given, whoever rendered it."""

import pytest

from tests.deploy.manifests import (
    NEWEST,
    OLDEST,
    Manifest,
    Pod,
    faults,
    gateways,
    group,
    is_foreign,
    pods,
)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_takes_every_manifest(manifests_of: list[Manifest], version: str) -> None:
    for manifest in manifests_of:
        if not is_foreign(manifest):
            assert faults(manifest, version) == [], f"{manifest['kind']}/{manifest['metadata']['name']}"


def test_the_schemas_refuse_what_is_wrong() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"port": [{"port": 1}]}}
    assert faults(service, NEWEST)


def test_there_is_a_gateway_in_every_set(manifests_of: list[Manifest]) -> None:
    assert gateways(manifests_of)


# --- Pods ---------------------------------------------------------------------------------------


def test_pods_are_given_no_key_to_the_cluster(manifests_of: list[Manifest]) -> None:
    for pod in pods(manifests_of):
        assert pod.spec["automountServiceAccountToken"] is False, pod.owner


def test_services_put_nothing_beside_our_own_variables(manifests_of: list[Manifest]) -> None:
    for pod in pods(manifests_of):
        assert pod.spec["enableServiceLinks"] is False, pod.owner


def _security(pod: Pod, container: Manifest, key: str) -> object:
    own = container.get("securityContext", {})
    return own.get(key, pod.spec.get("securityContext", {}).get(key))


def test_containers_are_restricted_as_the_strictest_pod_security_standard_asks(manifests_of: list[Manifest]) -> None:
    for pod in pods(manifests_of):
        for container in pod.containers:
            name = f"{pod.owner} {container['name']}"
            assert _security(pod, container, "runAsNonRoot") is True, name
            assert _security(pod, container, "seccompProfile") == {"type": "RuntimeDefault"}, name
            assert container["securityContext"]["allowPrivilegeEscalation"] is False, name
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name


def test_containers_cannot_write_their_own_files_and_have_limits(manifests_of: list[Manifest]) -> None:
    for pod in pods(manifests_of):
        for container in pod.containers:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, container["name"]
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]


def test_images_have_a_version(manifests_of: list[Manifest]) -> None:
    for pod in pods(manifests_of):
        for container in pod.containers:
            _, colon, tag = container["image"].rpartition("/")[2].partition(":")
            assert colon, container["image"]
            assert tag not in ("", "latest"), container["image"]


def test_the_gateway_is_nobody(manifests_of: list[Manifest]) -> None:
    for pod in gateways(manifests_of):
        assert _security(pod, pod.gateway, "runAsUser") == 65532


def test_the_gateway_is_asked_how_it_is_where_clients_cannot(manifests_of: list[Manifest]) -> None:
    for pod in gateways(manifests_of):
        ports = {one["name"]: one["containerPort"] for one in pod.gateway["ports"]}
        for probe, path in (("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
            asked = pod.gateway[probe]["httpGet"]
            assert asked["path"] == path
            assert ports[asked["port"]] == 9091


def test_secrets_are_files_and_no_variables(manifests_of: list[Manifest]) -> None:
    for pod in pods(manifests_of):
        for container in pod.containers:
            assert "envFrom" not in container
            assert not [one for one in container.get("env", ()) if "valueFrom" in one], pod.owner


def test_mounted_files_cannot_be_written_nor_read_by_everybody(manifests_of: list[Manifest]) -> None:
    for pod in pods(manifests_of):
        volumes = {one["name"]: one for one in pod.spec.get("volumes", ())}
        for container in pod.containers:
            for mount in container.get("volumeMounts", ()):
                volume = volumes.get(mount["name"], {})
                if "configMap" in volume or "secret" in volume:
                    assert mount["readOnly"] is True
                if "secret" in volume:
                    assert volume["secret"]["defaultMode"] == 0o440


def test_every_volume_that_is_mounted_is_there(manifests_of: list[Manifest]) -> None:
    claims = {
        claim["metadata"]["name"]
        for one in manifests_of
        if one["kind"] == "StatefulSet"
        for claim in one["spec"].get("volumeClaimTemplates", ())
    }
    maps = {one["metadata"]["name"] for one in manifests_of if one["kind"] == "ConfigMap"}
    for pod in pods(manifests_of):
        volumes = {one["name"]: one for one in pod.spec.get("volumes", ())}
        mounted = {mount["name"] for container in pod.containers for mount in container.get("volumeMounts", ())}
        assert mounted <= volumes.keys() | claims, pod.owner
        assert volumes.keys() <= mounted, pod.owner
        assert {one["configMap"]["name"] for one in volumes.values() if "configMap" in one} <= maps


# --- Who reaches whom ---------------------------------------------------------------------------


def _selectors(manifest: Manifest) -> dict[str, str]:
    """The labels by which a manifest of ours chooses the pods it is about."""
    spec = manifest["spec"]
    match manifest["kind"]:
        case "Service":
            return dict(spec["selector"])
        case "NetworkPolicy":
            return dict(spec["podSelector"]["matchLabels"])
        case "PodDisruptionBudget" | "Deployment" | "StatefulSet":
            return dict(spec["selector"]["matchLabels"])
    return {}


def test_what_chooses_pods_chooses_some_of_ours_or_the_api(manifests_of: list[Manifest]) -> None:
    chosen = [pod.labels for pod in pods(manifests_of)] + [{"app.kubernetes.io/name": "api"}]
    choosing = ("Service", "NetworkPolicy", "PodDisruptionBudget", "Deployment", "StatefulSet")
    for manifest in manifests_of:
        if manifest["kind"] in choosing and not is_foreign(manifest):
            wanted = _selectors(manifest)
            assert wanted, manifest["metadata"]
            assert any(wanted.items() <= labels.items() for labels in chosen), wanted


def test_services_lead_to_ports_that_their_pods_have(manifests_of: list[Manifest]) -> None:
    for service in manifests_of:
        if service["kind"] != "Service" or service["spec"]["selector"].get("app.kubernetes.io/name") == "api":
            continue
        for pod in pods(manifests_of):
            if service["spec"]["selector"].items() <= pod.labels.items():
                ports = {one["name"] for container in pod.containers for one in container.get("ports", ())}
                assert {one["targetPort"] for one in service["spec"]["ports"]} <= ports


def test_no_service_leads_to_the_port_of_those_who_watch(manifests_of: list[Manifest]) -> None:
    for service in manifests_of:
        if service["kind"] == "Service" and not service["metadata"]["name"].endswith("-ops"):
            assert not [one for one in service["spec"]["ports"] if one["targetPort"] in ("ops", "gateway-ops", 9091)]


def test_every_gateway_has_a_network_policy_and_a_disruption_budget(manifests_of: list[Manifest]) -> None:
    for pod in gateways(manifests_of):
        for kind in ("NetworkPolicy", "PodDisruptionBudget"):
            about = [_selectors(one) for one in manifests_of if one["kind"] == kind]
            assert any(one.items() <= pod.labels.items() for one in about), (pod.owner, kind)


def test_only_kinds_that_are_known_are_used(manifests_of: list[Manifest]) -> None:
    known = {"", "apps", "policy", "autoscaling", "networking.k8s.io"}
    for manifest in manifests_of:
        assert group(manifest) in known or is_foreign(manifest), manifest["apiVersion"]
