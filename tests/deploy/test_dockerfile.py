"""The Dockerfile, as far as it can be judged without a daemon. What its steps produce is run in test_container."""

import re
import subprocess
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from mfa_gateway import __version__
from tests.deploy.dockerfile import Stage, stages
from tests.deploy.image import EXTRAS, needed
from tests.deploy.manifests import DEPLOY, program

ROOT = DEPLOY.parent
DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
ARGUMENTS, (BUILD, RUN) = stages(DOCKERFILE)


def copied(stage: Stage) -> list[str]:
    """What a stage copies of the repository."""
    return [source for one in stage.all("COPY") if "from" not in one.flags for source in one.operands[:-1]]


def test_hadolint_finds_nothing() -> None:
    words = [program("hadolint"), "--no-color", str(DOCKERFILE)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_that_is_copied_is_there_and_reaches_the_builder() -> None:
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]

    assert sorted(copied(BUILD)) == sorted(let_in)
    assert copied(RUN) == []
    for source in copied(BUILD):
        assert (ROOT / source).exists(), source


def test_nothing_else_reaches_the_builder() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]

    assert lines[0] == "*"
    assert {"**/__pycache__", "**/*.pyc"} <= {*lines[1:]}


@pytest.mark.parametrize("stage", [BUILD, RUN], ids=["build", "run"])
def test_bases_are_arguments_with_a_pinned_version(stage: Stage) -> None:
    (name,) = re.findall(r"^\$\{(\w+)\}$", stage.base)
    _, _, tag = ARGUMENTS[name].rpartition("/")[2].partition(":")

    assert re.match(r"\d+\.\d+\.\d+-", tag), ARGUMENTS[name]


def test_both_stages_have_the_same_python() -> None:
    assert ARGUMENTS["BUILD_IMAGE"] == ARGUMENTS["RUN_IMAGE"].replace("-slim-", "-")


def test_what_is_built_is_compiled_by_an_image_that_has_a_compiler() -> None:
    assert "HATCH_BUILD_HOOK_ENABLE_CUSTOM=true" in BUILD.only("ENV").operands
    assert "-slim" not in ARGUMENTS["BUILD_IMAGE"]


def test_what_builds_is_pinned_too() -> None:
    assert {f"{name}=/src/.ci/constraints.txt" for name in ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT")} <= {
        *BUILD.only("ENV").operands
    }


def test_what_runs_is_nobody_by_number() -> None:
    assert RUN.only("USER").rest == "65532:65532"
    assert RUN.instructions.index(RUN.only("USER")) < RUN.instructions.index(RUN.only("ENTRYPOINT"))


def test_nothing_is_run_in_the_final_stage() -> None:
    assert RUN.all("RUN") == []


@pytest.mark.parametrize("word", ["ENTRYPOINT", "CMD", "HEALTHCHECK", "VOLUME"])
def test_no_shell_is_needed(word: str) -> None:
    assert RUN.only(word).exec_form, RUN.only(word).rest


def test_python_writes_no_bytecode_and_holds_no_line_back() -> None:
    assert "PYTHONDONTWRITEBYTECODE=1" in RUN.only("ENV").rest
    assert "PYTHONUNBUFFERED=1" in RUN.only("ENV").rest


def test_the_signal_that_stops_it_is_the_one_that_drains() -> None:
    assert RUN.only("STOPSIGNAL").rest == "SIGTERM"


def test_what_is_installed_is_pinned() -> None:
    assert any("--constraint .ci/constraints.txt" in one.rest for one in BUILD.all("RUN"))


def test_the_paths_of_the_commands_are_those_that_were_built() -> None:
    entry = RUN.only("ENTRYPOINT").exec_form
    check = RUN.only("HEALTHCHECK").exec_form
    assert entry is not None
    assert check is not None
    (venv,) = (one.exec_form[-1] for one in BUILD.all("RUN") if one.exec_form and "venv" in one.exec_form)

    assert Path(entry[0]).parent == Path(check[0]).parent == Path(venv) / "bin"
    assert any(one.operands == [venv, venv] for one in RUN.all("COPY"))


def test_the_page_and_the_file_speak_of_this_version() -> None:
    assert f"mfa-gateway:{__version__}" in DOCKERFILE.read_text()


def test_everything_that_is_installed_is_pinned() -> None:
    lines = (ROOT / ".ci" / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line}
    extras = BUILD.only("ARG").rest.removeprefix("EXTRAS=")

    assert extras == EXTRAS
    assert {canonicalize_name(one.name) for one in needed(extras)} <= pinned
