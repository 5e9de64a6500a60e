"""Whether this machine can compile: says what is missing, on one line, and ends with 1. Silent where nothing is."""

import os
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path


def missing() -> str:
    """What compiling lacks on this machine; empty where it lacks nothing."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler: {compiler} is not on the path (Debian: apt-get install gcc libc6-dev)"
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    if not headers.exists():
        return f"there is a C compiler but no {headers} (Debian: apt-get install python3-dev)"
    return ""


if __name__ == "__main__":
    if lacks := missing():
        sys.stderr.write(f"{lacks}\n")
        sys.exit(1)
