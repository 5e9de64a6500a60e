"""The page's section on deploying: what it names is there, and does what it says."""

import re
import shlex
from typing import Any

import yaml

from tests.deploy.charts import MINIMUM
from tests.deploy.layout import contents
from tests.deploy.manifests import DEPLOY, KUSTOMIZE, charted, gateways, kustomized, pods
from tests.readme.test_readme import README, blocks


def section() -> str:
    start = README.index("\n## Deploy")
    return README[start : README.index("\n## ", start + 1)]


def commands() -> list[list[str]]:
    (block,) = blocks("", "Deploy")
    return [shlex.split(line) for line in block.splitlines()]


def created(name: str) -> set[str]:
    """The files of a Secret that the page has the reader make."""
    (create,) = (words for words in commands() if words[:3] == ["kubectl", "create", "secret"] and words[4] == name)
    return {word.removeprefix("--from-file=") for word in create if word.startswith("--from-file=")}


def test_every_overlay_is_in_the_table() -> None:
    listed = re.findall(r"^\| `([\w-]+)` \|", section(), re.MULTILINE)

    assert sorted(listed) == sorted(path.name for path in (KUSTOMIZE / "overlays").iterdir())


def test_the_secret_has_the_name_and_the_files_that_the_manifests_mount() -> None:
    manifests = kustomized(KUSTOMIZE / "base")
    (pod,) = gateways(manifests)
    (mounted,) = (one["secret"]["secretName"] for one in pod.spec["volumes"] if "secret" in one)
    named: set[str] = {*re.findall(r"/run/secrets/mfa-gateway/([\w-]+)", str(manifests))}

    assert created(mounted) == named <= contents().keys()


def test_so_does_the_secret_of_the_overlay_s_valkey() -> None:
    manifests = kustomized(KUSTOMIZE / "overlays" / "proxy")
    (pod,) = (one for one in pods(manifests) if one.owner == "StatefulSet/mfa-gateway-valkey")
    (mounted,) = (one["secret"]["secretName"] for one in pod.spec["volumes"] if "secret" in one)

    assert created(mounted) == {*re.findall(r"/run/secrets/valkey/([\w.-]+)", str(manifests))}


def test_what_is_applied_and_installed_is_there() -> None:
    (apply,) = (words for words in commands() if words[:2] == ["kubectl", "apply"])
    (install,) = (words for words in commands() if words[:2] == ["helm", "install"])

    assert (DEPLOY.parent / apply[-1] / "kustomization.yaml").is_file()
    assert (DEPLOY.parent / install[3] / "Chart.yaml").is_file()


def test_the_store_of_the_page_is_the_one_of_the_overlay() -> None:
    (line,) = (words for words in commands() if words[0] == "printf" and words[-1] == "store-url")
    names = [
        one["metadata"]["name"] for one in kustomized(KUSTOMIZE / "overlays" / "proxy") if one["kind"] == "Service"
    ]

    assert re.fullmatch(r"redis://:PASSWORD@([\w-]+):6379/0", line[1])
    assert line[1].rpartition("@")[2].partition(":")[0] in names


def test_the_namespace_of_the_page_is_the_one_of_the_overlays() -> None:
    namespaces = {words[words.index("--namespace") + 1] for words in commands() if "--namespace" in words}

    assert namespaces == {"shop"}
    for path in (KUSTOMIZE / "overlays").glob("*/kustomization.yaml"):
        assert yaml.safe_load(path.read_text())["namespace"] == "shop", path


def test_the_secret_of_the_page_is_one_that_the_chart_takes() -> None:
    values: dict[str, Any] = {**MINIMUM, "existingSecret": "mfa-gateway"}
    (pod,) = gateways(charted(values))

    assert [one["secret"]["secretName"] for one in pod.spec["volumes"] if "secret" in one] == ["mfa-gateway"]
