"""What each overlay promises beyond what holds for all of them (test_manifests, test_configurations)."""

import re
from typing import Any, Final

import pytest
import yaml

from mfa_gateway.dialects.glue import Glue
from mfa_gateway.dialects.standard import Standard
from mfa_gateway.doors.backchannel import PATH as LOGOUT
from mfa_gateway.doors.forward_auth import PREFIX
from tests.deploy.conftest import rendered
from tests.deploy.manifests import DEPLOY, KUSTOMIZE, Manifest, Pod, gateways, named, pods

RECIPE: Final[dict[str, Any]] = yaml.safe_load((DEPLOY / "traefik" / "mfa.yaml").read_text())["http"]["middlewares"]

ASKED: Final = PREFIX.decode()

# Paths that the gateway answers itself, whoever asks.
OWN: Final = sorted({*Glue().endpoints, *Standard().endpoints, LOGOUT})


def overlay(name: str) -> list[Manifest]:
    return rendered(f"overlays/{name}")


def gateway(name: str) -> Pod:
    (pod,) = gateways(overlay(name))
    return pod


def env(name: str) -> dict[str, str]:
    return {one["name"]: one["value"] for one in gateway(name).gateway["env"]}


def let_in(manifests: list[Manifest], port: str) -> list[Manifest]:
    """Who may connect to a port of the gateway; nothing is everybody."""
    policy = named(manifests, "NetworkPolicy", "mfa-gateway")
    (rule,) = (one for one in policy["spec"]["ingress"] if {"port": port, "protocol": "TCP"} in one["ports"])
    return list(rule.get("from", []))


# --- The gateway forwards -----------------------------------------------------------------------


def test_behind_the_proxy_nobody_else_reaches_the_api() -> None:
    manifests = overlay("proxy")
    policy = named(manifests, "NetworkPolicy", "api-only-from-the-gateway")["spec"]
    backend = named(manifests, "Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]

    assert policy["ingress"] == [{"from": [{"podSelector": {"matchLabels": dict(gateway("proxy").labels)}}]}]
    assert backend == {"name": "mfa-gateway", "port": {"name": "http"}}


def test_nobody_but_the_gateway_reaches_the_store() -> None:
    policy = named(overlay("proxy"), "NetworkPolicy", "mfa-gateway-valkey")["spec"]

    assert policy["ingress"][0]["from"] == [{"podSelector": {"matchLabels": dict(gateway("proxy").labels)}}]
    assert policy["egress"] == []


def test_the_sidecar_starts_before_the_application_and_ends_after_it() -> None:
    (sidecar,) = gateway("sidecar").spec["initContainers"]

    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["startupProbe"]["httpGet"]["path"] == "/readyz"


def test_behind_the_sidecar_the_application_is_on_the_loopback_interface_alone() -> None:
    pod = gateway("sidecar")
    (api,) = pod.spec["containers"]
    (text,) = (one["data"]["mfa-gateway.yaml"] for one in overlay("sidecar") if one["kind"] == "ConfigMap")
    listen = {one["name"]: one["value"] for one in api["env"]}["LISTEN"]

    assert listen.startswith("127.0.0.1:")
    assert yaml.safe_load(text)["upstream"] == f"http://{listen}"
    assert "ports" not in api
    assert named(overlay("sidecar"), "Service")["spec"]["ports"][0]["targetPort"] == "gateway"


def test_probes_of_the_application_go_through_the_gateway_on_an_open_route() -> None:
    (api,) = gateway("sidecar").spec["containers"]
    (text,) = (one["data"]["mfa-gateway.yaml"] for one in overlay("sidecar") if one["kind"] == "ConfigMap")
    asked = api["readinessProbe"]["httpGet"]
    (rule,) = (one for one in yaml.safe_load(text)["access_control"]["rules"] if asked["path"] in one["paths"])

    assert asked["port"] == 8080
    assert rule["policy"] == "open"


def test_the_application_waits_until_nobody_sends_calls_any_more() -> None:
    (api,) = gateway("sidecar").spec["containers"]

    assert api["lifecycle"]["preStop"]["sleep"]["seconds"] >= 5


# --- Somebody else forwards, and asks -----------------------------------------------------------


def sample(pattern: str) -> str:
    """A path of an endpoint."""
    return re.sub(r"\{\w+\}", "x", pattern).replace("**", "x/y")


def _nginx(path: str) -> bool:
    for rule in named(overlay("ingress-nginx"), "Ingress", "mfa-gateway")["spec"]["rules"][0]["http"]["paths"]:
        # With use-regex every path of the host is a regular expression, from the left.
        if re.match(rule["path"], path):
            return True
    return False


def _traefik(path: str) -> bool:
    route = named(overlay("traefik"), "IngressRoute")["spec"]["routes"][1]
    assert route["services"][0]["name"] == "mfa-gateway"
    exact = re.findall(r" ?\bPath\(`([^`]+)`\)", route["match"])
    return path in exact or any(map(path.startswith, re.findall(r"PathPrefix\(`([^`]+)`\)", route["match"])))


def _envoy(path: str) -> bool:
    for one in named(overlay("envoy-gateway"), "HTTPRoute", "mfa-gateway")["spec"]["rules"][0]["matches"]:
        kind, value = one["path"]["type"], one["path"]["value"]
        if kind == "RegularExpression" and re.fullmatch(value, path):
            return True
        if kind == "PathPrefix" and (path == value or path.startswith(f"{value}/")):
            return True
        if kind == "Exact" and path == value:
            return True
    return False


def _istio(path: str) -> bool:
    route = named(overlay("istio"), "VirtualService")["spec"]["http"][0]
    assert route["route"][0]["destination"]["host"] == "mfa-gateway"
    uris = [one["uri"] for one in route["match"]]
    return any(path == one.get("exact") or path.startswith(one.get("prefix", "\0")) for one in uris)


PROXIES: Final = {"ingress-nginx": _nginx, "traefik": _traefik, "envoy-gateway": _envoy, "istio": _istio}


@pytest.mark.parametrize("path", OWN)
@pytest.mark.parametrize("name", PROXIES)
def test_what_the_gateway_answers_itself_leads_there(name: str, path: str) -> None:
    assert PROXIES[name](sample(path))


@pytest.mark.parametrize("path", ["/", "/mfas", "/customer-password/42", f"{ASKED}nginx", "/x/multi-factor-auth-types"])
@pytest.mark.parametrize("name", PROXIES)
def test_what_the_api_answers_does_not(name: str, path: str) -> None:
    assert not PROXIES[name](path)


@pytest.mark.parametrize("name", PROXIES)
def test_somebody_is_trusted_and_not_everybody(name: str) -> None:
    assert env(name)["MFA_GATEWAY_TRUSTED_PROXIES"] == '["10.244.0.0/16"]'


@pytest.mark.parametrize("name", ["ingress-nginx", "traefik"])
def test_the_proxy_asks_the_service_at_its_own_endpoint(name: str) -> None:
    service = named(overlay(name), "Service", "mfa-gateway")
    address, _, query = _asked(name).partition("?")
    port = service["spec"]["ports"][0]["port"]

    assert query == RECIPE["mfa"]["forwardAuth"]["address"].partition("?")[2]
    assert address == f"http://mfa-gateway.shop.svc.cluster.local:{port}{ASKED}{name.removeprefix('ingress-')}"
    assert service["metadata"]["namespace"] == "shop"


def _asked(name: str) -> str:
    if name == "traefik":
        return str(named(overlay(name), "Middleware", "mfa")["spec"]["forwardAuth"]["address"])
    annotations = named(overlay(name), "Ingress", "api")["metadata"]["annotations"]
    return str(annotations["nginx.ingress.kubernetes.io/auth-url"])


@pytest.mark.parametrize("name", ["ingress-nginx", "traefik", "envoy-gateway"])
def test_only_the_proxy_is_let_in(name: str) -> None:
    assert let_in(overlay(name), "http")


@pytest.mark.parametrize("name", ["envoy-gateway", "istio"])
def test_only_envoy_is_let_in_to_ask(name: str) -> None:
    assert let_in(overlay(name), "ext-authz")


def test_traefik_s_middlewares_are_those_of_the_recipe() -> None:
    ours = {one["metadata"]["name"]: one["spec"] for one in overlay("traefik") if one["kind"] == "Middleware"}
    ours["mfa"]["forwardAuth"] |= {"address": RECIPE["mfa"]["forwardAuth"]["address"]}

    assert ours == RECIPE


def test_traefik_s_routes_are_those_of_the_recipe() -> None:
    recipe = yaml.safe_load((DEPLOY / "traefik" / "mfa.yaml").read_text())["http"]["routers"]
    api, own = named(overlay("traefik"), "IngressRoute")["spec"]["routes"]
    host = "Host(`api.example.com`)"

    assert api["match"] == f"{host} && ({recipe['api']['rule']})"
    assert own["match"] == f"{host} && ({recipe['mfa']['rule']})"
    assert [one["name"] for one in api["middlewares"]] == recipe["api"]["middlewares"]
    assert "middlewares" not in own


def test_nginx_overwrites_what_traefik_overwrites_and_takes_off_the_code() -> None:
    annotations = named(overlay("ingress-nginx"), "Ingress", "api")["metadata"]["annotations"]
    names = annotations["nginx.ingress.kubernetes.io/auth-response-headers"].split(",")

    assert {*names} == {*RECIPE["mfa"]["forwardAuth"]["authResponseHeaders"], "X-MFA-Code"}
    assert not [key for key in annotations if key.endswith("-snippet")]


def test_envoy_gateway_takes_no_answer_for_a_no_and_asks_where_somebody_listens() -> None:
    asked = named(overlay("envoy-gateway"), "SecurityPolicy")["spec"]["extAuth"]

    assert asked["failOpen"] is False
    assert "headersToExtAuth" not in asked
    assert asked["grpc"]["backendRefs"] == [{"name": "mfa-gateway", "port": _grpc("envoy-gateway")}]


def test_istio_takes_no_answer_for_a_no_and_asks_where_somebody_listens() -> None:
    mesh = yaml.safe_load((KUSTOMIZE / "overlays" / "istio" / "mesh-config.yaml").read_text())["meshConfig"]
    (provider,) = mesh["extensionProviders"]
    policy = named(overlay("istio"), "AuthorizationPolicy")["spec"]
    asked = provider["envoyExtAuthzGrpc"]

    assert policy["provider"]["name"] == provider["name"]
    assert (policy["action"], policy["rules"]) == ("CUSTOM", [{}])
    assert asked["failOpen"] is False
    assert (asked["service"], asked["port"]) == ("mfa-gateway.shop.svc.cluster.local", _grpc("istio"))


def _grpc(name: str) -> int:
    ports = named(overlay(name), "Service", "mfa-gateway")["spec"]["ports"]
    (port,) = (one for one in ports if one["appProtocol"] == "kubernetes.io/h2c")
    listens = int(env(name)["MFA_GATEWAY_EXT_AUTHZ__LISTEN"].rpartition(":")[2])
    assert {"name": port["targetPort"], "containerPort": listens} in gateway(name).gateway["ports"]
    return int(port["port"])


def test_in_the_mesh_the_gateway_sees_who_asks() -> None:
    assert gateway("istio").labels["sidecar.istio.io/inject"] == "false"


def test_every_pod_of_an_overlay_is_ours_or_named_api() -> None:
    names = {pod.owner for name in ("proxy", "sidecar", *PROXIES) for pod in pods(overlay(name))}

    assert names == {"Deployment/mfa-gateway", "Deployment/api", "StatefulSet/mfa-gateway-valkey"}
