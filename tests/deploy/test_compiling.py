"""The build hook: what it takes from a checkout, what it gives, and that it leaves no trace there.

Compiling itself is stood in for: what it makes is put through the whole suite (`make test`).
"""

import importlib.util
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from deploy.compiling.hook import NotCompiled, compiled
from tests.deploy.manifests import DEPLOY, environment
from tests.e2e.processes import miss

MODULE = "mfa_gateway/core/gate.py"
# Says what it was given, and makes one extension module of one source.
COMPILER = """
import json, pathlib, sys
out, (module,) = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
seen = sorted(str(path) for path in pathlib.Path().rglob("*") if path.is_file())
made = (out / module).with_suffix(".any.so")
made.parent.mkdir(parents=True)
made.write_text(json.dumps(seen))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one module to compile, and what an older build left beside it."""
    root = tmp_path / "checkout"
    for name in (MODULE, "mfa_gateway/core/gate.any.so", "tests/test_gate.py", "pyproject.toml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    (script := root / "deploy" / "compiling" / "extensions.py").parent.mkdir(parents=True)
    script.write_text(COMPILER)
    return root


def test_the_package_and_the_types_are_compiled_and_nothing_else_is_looked_at(checkout: Path, tmp_path: Path) -> None:
    ((place, name),) = compiled(checkout, [MODULE], tmp_path).items()
    assert name == "mfa_gateway/core/gate.any.so"
    assert Path(place).read_text() == f'["{MODULE}", "types.toml"]'


def test_the_checkout_is_as_it_was(checkout: Path, tmp_path: Path) -> None:
    before = sorted(checkout.rglob("*"))
    compiled(checkout, [MODULE], tmp_path)
    assert sorted(checkout.rglob("*")) == before


def test_what_the_compilers_said_is_told(checkout: Path, tmp_path: Path) -> None:
    (checkout / "deploy" / "compiling" / "extensions.py").write_text("import sys; sys.exit('gate.py:1: error: no')")
    with pytest.raises(NotCompiled, match=r"gate\.py:1: error: no"):
        compiled(checkout, [MODULE], tmp_path)


def test_a_wheel_is_plain_python_unless_the_environment_says_otherwise(tmp_path: Path) -> None:
    if importlib.util.find_spec("hatchling") is None:
        miss("hatchling is missing: pip install -e '.[deploy]'")
    environ = {name: value for name, value in environment().items() if not name.startswith("HATCH_")}
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(words, cwd=DEPLOY.parent, env=environ, capture_output=True, check=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if name.endswith((".so", ".pyd"))] == []
