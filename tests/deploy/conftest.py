"""Every set of manifests that deploy/ holds, rendered once."""

from functools import cache

import pytest

from tests.deploy import manifests
from tests.deploy.charts import VALUES
from tests.deploy.manifests import KUSTOMIZE, Manifest

OVERLAYS = sorted(path.parent.relative_to(KUSTOMIZE).as_posix() for path in KUSTOMIZE.glob("*/*/kustomization.yaml")
                  if path.parent.parent.name == "overlays")  # fmt: skip
SETS = ["base", *OVERLAYS, *(f"helm/{name}" for name in VALUES)]


@cache
def rendered(name: str) -> list[Manifest]:
    kind, _, rest = name.partition("/")
    return manifests.charted(VALUES[rest]) if kind == "helm" else manifests.kustomized(KUSTOMIZE / name)


@pytest.fixture(params=SETS)
def manifests_of(request: pytest.FixtureRequest) -> list[Manifest]:
    """One set after the other."""
    return rendered(str(request.param))
