"""An installation as the Dockerfile's steps make it, without Docker: what COPY copies, built to a wheel, in a virtual
environment of its own that sees the runtime's dependencies alone.

Dependencies are not installed but linked from this environment, since there is no network in a test.
"""

import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.dockerfile import stages
from tests.deploy.manifests import DEPLOY, environment
from tests.e2e.processes import miss

EXTRAS = "embedded,grpc"


def install(folder: Path) -> Path:
    """An installation below a folder; its `bin`."""
    if find_spec("hatchling") is None:
        miss("hatchling is missing: pip install -e '.[deploy]'")
    source, home = folder / "src", folder / "opt"
    _copy(source)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index",
         "--no-build-isolation", "--wheel-dir", str(folder), str(source)],
        check=True, timeout=120, env=environment(),
    )  # fmt: skip
    venv.create(home, with_pip=False, symlinks=True)
    _link(next(home.glob("lib/python*/site-packages")))
    (wheel,) = folder.glob("*.whl")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--quiet", "--compile",
         "--disable-pip-version-check", "--no-deps", "--no-index", str(wheel)],
        check=True, timeout=120, env=environment(),
    )  # fmt: skip
    return home / "bin"


def _copy(source: Path) -> None:
    """What the building stage copies of the repository."""
    _, (build, _) = stages(DEPLOY / "docker" / "Dockerfile")
    for one in build.all("COPY"):
        *froms, to = one.operands
        for name in froms:
            origin = DEPLOY.parent / name
            target = source / to / origin.name if to.endswith("/") else source / to
            target.parent.mkdir(parents=True, exist_ok=True)
            if origin.is_dir():
                shutil.copytree(origin, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(origin, target)


def _link(site: Path) -> None:
    for one in needed(EXTRAS):
        tops = {file.parts[0] for file in one.files or () if file.parts[0] not in ("..", "__pycache__")}
        for top in tops:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(one.locate_file(top))).resolve())


def needed(extras: str) -> Iterator[Distribution]:
    """The distributions that mfa-gateway with some extras needs, as pyproject.toml says now."""
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(need for extra in extras.split(",") for need in optional[extra])]
    waiting = [need for need in map(Requirement, wanted) if need.marker is None or need.marker.evaluate()]
    seen: set[tuple[str, str]] = set()
    while waiting:
        need = waiting.pop()
        for extra in {"", *need.extras} - {one for name, one in seen if name == canonicalize_name(need.name)}:
            seen.add((canonicalize_name(need.name), extra))
            found = distribution(need.name)
            if not extra:
                yield found
            waiting += [one for one in map(Requirement, found.requires or ()) if _applies(one, extra)]


def _applies(need: Requirement, extra: str) -> bool:
    if need.marker is None:
        return not extra
    names_extra = re.search(r"\bextra\b", str(need.marker)) is not None
    return names_extra is bool(extra) and need.marker.evaluate({"extra": extra})
