"""Compiles modules of the package with mypyc: python extensions.py WHERE_TO '["mfa_gateway/…", …]'.

Run in a copy of the checkout, by the build hook. The type checker's settings are the project's own, in `types.toml`:
what the suite lets pass is what is compiled. All modules become one library, so that calls between them are calls in C.
"""

import json
import sys
from pathlib import Path

from mypyc.build import mypycify
from setuptools import setup


def main() -> None:
    """Compile."""
    out, modules = sys.argv[1], json.loads(sys.argv[2])
    extensions = mypycify(
        ["--config-file=types.toml", *modules],
        opt_level="3",
        debug_level="0",
        group_name="mfa_gateway",
        target_dir=str(Path(out).with_name("c")),
    )
    where = ["--build-lib", out, "--build-temp", str(Path(out).with_name("objects"))]
    setup(name="mfa_gateway", packages=[], ext_modules=extensions, script_args=["build_ext", *where])


if __name__ == "__main__":
    main()
