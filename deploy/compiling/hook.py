"""The build hook that puts compiled modules into the wheel; pyproject.toml lists them.

It is off unless the environment says HATCH_BUILD_HOOK_ENABLE_CUSTOM=true, so that installing from source needs no
compiler. All work is done on a copy: an extension module left beside a source file would be imported instead of what is
written there. What stays out: what compiling is (see `extensions`).
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE: Final = "mfa_gateway"
# Elsewhere, and on Windows.
_ENDINGS: Final = ("*.so", "*.pyd")


class NotCompiled(Exception):
    """The modules could not be compiled. The text is what mypyc or the C compiler said."""


class CompilingHook(BuildHookInterface[Any]):
    """Compiles the listed modules for a wheel. The sources go in as well: tracebacks show them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and tell the wheel what to take.

        Raises:
            NotCompiled: with everything that the compilers said.
        """
        if version == "editable":
            return
        self._place = TemporaryDirectory(prefix="mfa-gateway-compiling-")
        made = compiled(Path(self.root), self.config["modules"], Path(self._place.name))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"].update(made)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's
        """Clear up."""
        if version != "editable":
            self._place.cleanup()


def compiled(root: Path, modules: list[str], place: Path) -> dict[str, str]:
    """The extension modules of some modules of a checkout: where each was made, and where it belongs in the wheel.

    Raises:
        NotCompiled: with everything that the compilers said.
    """
    source, out = place / "source", place / "out"
    source.mkdir()
    shutil.copytree(root / PACKAGE, source / PACKAGE, ignore=shutil.ignore_patterns("__pycache__", *_ENDINGS))
    # Under a name that setuptools does not look for: the project's metadata is no business of its own here.
    shutil.copy(root / "pyproject.toml", source / "types.toml")
    words = [sys.executable, str(root / "deploy" / "compiling" / "extensions.py"), str(out), json.dumps(modules)]
    done = subprocess.run(  # noqa: S603 - this interpreter, on files of this checkout
        words, cwd=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        raise NotCompiled(f"mypyc or the C compiler failed:\n{done.stdout}")
    return {str(path): str(path.relative_to(out)) for ending in _ENDINGS for path in sorted(out.rglob(ending))}
