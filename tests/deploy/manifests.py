"""Manifests as a cluster would be given them: rendered by the real tools, checked against Kubernetes' own schemas."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.processes import miss

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm" / "mfa-gateway"
KUSTOMIZE = DEPLOY / "kustomize"

# preStop.sleep and init containers that go on running are on by default from 1.30 on.
OLDEST, NEWEST = "1.30", "1.37"

# Kinds that are not Kubernetes' own; their definitions come with the operators that read them.
FOREIGN = frozenset({"traefik.io", "gateway.networking.k8s.io", "gateway.envoyproxy.io", "security.istio.io",
                     "install.istio.io", "networking.istio.io", "monitoring.coreos.com"})  # fmt: skip

Manifest = dict[str, Any]


class Refused(Exception):
    """Helm would not render. The text says why."""


@cache
def program(name: str) -> str:
    """A program of this environment, or of this machine."""
    ours = Path(sys.executable).parent / name
    found = str(ours) if ours.exists() else shutil.which(name)
    return found or miss(f"{name} is missing: pip install -e '.[deploy]'")


def kustomized(folder: Path) -> list[Manifest]:
    """What `kubectl kustomize` makes of a folder."""
    words = [program("kubectl"), "kustomize", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr, done.stderr
    return [found for found in yaml.safe_load_all(done.stdout) if found is not None]


def charted(values: Mapping[str, Any]) -> list[Manifest]:
    """What `helm template` makes of our chart with these values.

    Raises:
        Refused: the values do not fit.
    """
    rendered = json.loads(_helm("render", json.dumps(values)))
    if isinstance(rendered, str):
        raise Refused(rendered)
    texts = [text for path, text in sorted(rendered.items()) if not path.endswith("NOTES.txt")]
    return [found for text in texts for found in yaml.safe_load_all(text) if found is not None]


def linted(values: Mapping[str, Any]) -> list[str]:
    """What `helm lint --strict` finds wrong with our chart under these values."""
    report = json.loads(_helm("lint", json.dumps(values)))
    return [str(one["error"]) for one in report["messages"] if one["severity"] > 1] + list(report["errors"])


def _helm(verb: str, values: str) -> str:
    # In a process of its own: the library brings a whole Go runtime with it.
    if find_spec("helm_python") is None:
        miss("helm-python-sdk is missing: pip install -e '.[deploy]'")
    words = [sys.executable, str(Path(__file__).with_name("helm.py")), verb, str(CHART)]
    done = subprocess.run(words, input=values, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def faults(manifest: Manifest, version: str) -> list[str]:
    """What Kubernetes of a version would not take, unknown fields included."""
    if find_spec("kubernetes_validate") is None:
        miss("kubernetes-validate is missing: pip install -e '.[deploy]'")
    import kubernetes_validate  # noqa: PLC0415 - of the deploy extra, which may be missing

    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(map(str, error.path))}: {error.message}"]
    return []


def group(manifest: Manifest) -> str:
    """The group of a manifest's kind; "" is the core."""
    before, slash, _ = str(manifest["apiVersion"]).partition("/")
    return before if slash else ""


def is_foreign(manifest: Manifest) -> bool:
    return group(manifest) in FOREIGN


def named(manifests: list[Manifest], kind: str, name: str = "") -> Manifest:
    """The one manifest of a kind (and name)."""
    (found,) = (one for one in manifests if one["kind"] == kind and name in ("", one["metadata"]["name"]))
    return found


@dataclass(frozen=True)
class Pod:
    """Pods as some manifest describes them."""

    owner: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def containers(self) -> list[Manifest]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def gateway(self) -> Manifest:
        (found,) = (one for one in self.containers if one["name"] == "mfa-gateway")
        return found


def pods(manifests: list[Manifest]) -> Iterator[Pod]:
    for one in manifests:
        if one["kind"] == "Pod":
            yield Pod(_name(one), one["metadata"].get("labels", {}), one["spec"])
        elif one["kind"] in ("Deployment", "StatefulSet"):
            template = one["spec"]["template"]
            yield Pod(_name(one), template["metadata"]["labels"], template["spec"])


def gateways(manifests: list[Manifest]) -> list[Pod]:
    """The pods that hold a gateway that serves."""
    return [pod for pod in pods(manifests) if any("serve" in one.get("args", ()) for one in pod.containers)]


def _name(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def environment() -> dict[str, str]:
    """Ours, without what would configure a gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MFA_GATEWAY_")}
