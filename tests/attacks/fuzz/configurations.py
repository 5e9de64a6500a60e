"""Fuzzing what reads configurations: files that are no YAML, trees that mean nothing, variables that make it worse.

Whatever is written, there are settings, or there is a list of problems that a person can read, and a file in which
something cannot be read, or is not known, never gives settings. Reading takes its time from its size, not from anchors.
"""

import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import yaml
from hypothesis import strategies as st

from mfa_gateway.settings import ConfigurationError, parse_settings
from mfa_gateway.settings.document import parse_document
from tests.attacks.fuzz.bytestrings import SCALARS, damaged, trees
from tests.attacks.fuzz.target import Target
from tests.settings.conftest import RIGHT

_MANUAL: Final = Path(__file__).parents[3] / "config" / "mfa-gateway.yaml"
_TEXT: Final = _MANUAL.read_text(encoding="utf-8")
_FULL: Final[dict[str, Any]] = yaml.safe_load(_TEXT)
# Nobody's key: whatever it is put into does not start.
_UNKNOWN: Final = "no_such_key"
_PIECES: Final = (
    "a: &a [*a]\n", "a: &a {x: 1}\nb: {<<: *a}\n", "<<: {a: 1}\n", "<<: 3\n", "? [a]\n: b\n",
    "a: !!python/object:os.system x\n",
    "a: !!binary x\n", "a: !!int x\n", "a: 1\na: 2\n", "---\n---\n", "%YAML 9.9\n---\na: 1\n", "\t- a\n", "a: '\n",
    "{", "[" * 300, "- " * 2_000,
    "a: 2026-11-22\n", "a: 0o17\n", "a: .inf\n", "a: 1e999\n", "\x00", "\ufeff", 'a: "\\ud800"\n', "&a a: *a\n",
    "codes: {length: 3}\n", "workers: 0\n",
    "a0: &a0 [1, 1, 1, 1]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]\n" for n in range(1, 9)),
)  # fmt: skip


def _paths(tree: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, value in members:
        yield (*above, name)
        yield from _paths(value, (*above, name))


_SMALL: Final = [*_paths(RIGHT)]
_LARGE: Final = [*_paths(_FULL)]
_NAMES: Final = sorted({str(path[-1]) for path in _LARGE})
_VALUES: Final = st.one_of(
    SCALARS, trees(_NAMES), st.sampled_from(("1s", "5 minutes", "-1s", "10/m", "0.0.0.0/0", "::1", "http://[",
    "memory://", "/**", "/{", "[]"))
)  # fmt: skip


@st.composite
def _trees(draw: st.DrawFn) -> tuple[Any, dict[str, str], bool]:
    """A configuration with some values exchanged or taken out, variables, and whether an unknown key is in it."""
    base, paths = (RIGHT, _SMALL) if draw(st.booleans()) else (_FULL, _LARGE)
    tree, is_spoilt = deepcopy(base), False
    for _ in range(draw(st.integers(1, 3))):
        above = _above(tree, path := draw(st.sampled_from(paths)))
        if above is None:
            continue
        match draw(st.integers(0, 4)):
            case 0:
                del above[path[-1]]
            case 1 if isinstance(above, dict) and len(path) < 3:
                above[_UNKNOWN] = draw(SCALARS)
                is_spoilt = True
            case _:
                above[path[-1]] = draw(_VALUES)
    return tree, draw(_variables()), is_spoilt and _UNKNOWN in _all_keys(tree)


def _above(tree: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return None
    try:
        tree[path[-1]]
    except (KeyError, IndexError, TypeError):
        return None
    return tree if isinstance(tree, dict | list) else None


def _all_keys(tree: Any) -> set[Any]:
    return {path[-1] for path in _paths(tree)}


@st.composite
def _variables(draw: st.DrawFn) -> dict[str, str]:
    paths = draw(st.lists(st.sampled_from(_LARGE), max_size=2))
    value = st.one_of(
        st.text(max_size=8), st.sampled_from(("[", "{a: b}", "no", "5m", "1", "\x00", "*a", "!!python/name:x"))
    )
    return {"MFA_GATEWAY_" + "__".join(str(step) for step in path).upper(): draw(value) for path in paths}


@st.composite
def _texts(draw: st.DrawFn) -> str:
    chance = random.Random(draw(st.integers(0, 2**32)))
    lines = _TEXT.splitlines(keepends=True)
    begin = chance.randrange(len(lines))
    part = "".join(lines[begin : begin + chance.randrange(1, 40)])
    whole = (part + draw(st.sampled_from(_PIECES)) if draw(st.booleans()) else part).encode("utf-8", "surrogatepass")
    return (draw(damaged(whole)) if draw(st.booleans()) else whole).decode("utf-8", "replace")


def _check_text(text: str) -> None:
    document = parse_document(text)
    for problem in document.problems:
        assert str(problem).strip()
    if isinstance(document.tree, dict):
        _check_tree((document.tree, {}, False))


def _check_tree(given: tuple[Any, dict[str, str], bool]) -> None:
    tree, environ, is_spoilt = given
    try:
        parse_settings(tree, folder=Path("/nowhere"), environ=environ)
    except ConfigurationError as error:
        _check_problems(error)
    else:
        assert not is_spoilt, "an unknown key was taken"


def _check_problems(error: ConfigurationError) -> None:
    assert error.problems
    assert all(problem.text.strip() and len(str(problem)) < 2_000 for problem in error.problems)


CONFIGURATION_TEXTS: Final = Target(
    "configuration-texts", _texts() | st.sampled_from(_PIECES), _check_text, examples=250
)
CONFIGURATIONS: Final = Target("configurations", _trees(), _check_tree, examples=250)
