"""What is compiled is there, and waits for nothing where mypyc could not bear it."""

from pathlib import Path

import pytest

from .compiling import compiled_modules, interpreted_heirs, waiting_handlers

MODULE = "mfa_gateway/core/planted.py"
HEAD = '[tool.hatch.build.targets.wheel.hooks.custom]\nmodules = ["mfa_gateway/core/planted.py"]\n'


def test_compiled_modules_are_there_and_in_order(checkout: Path) -> None:
    modules = compiled_modules(checkout)
    assert [name for name in modules if not (checkout / name).is_file()] == []
    assert modules == sorted({*modules})


def test_no_compiled_coroutine_waits_while_it_handles_an_exception(checkout: Path) -> None:
    assert waiting_handlers(checkout) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("try: ...\n    except OSError: await x()", "waits inside except"),
        ("try: ...\n    except OSError:\n        if x:\n            async for y in x: ...", "waits inside except"),
        ("try: ...\n    finally:\n        await x()", "waits inside finally"),
        ("async with x(): ...", "leaving this may wait"),
    ],
)
def test_a_planted_wait_is_seen(tmp_path: Path, body: str, words: str) -> None:
    (found,) = _planted(tmp_path, body)
    assert words in found


@pytest.mark.parametrize(
    "body",
    [
        "try: await x()\n    except OSError: pass",
        "try: await x()\n    finally: y()",
        "async with asyncio.timeout(1): await x()",
        "try: ...\n    except OSError:\n        async def later(): await x()",
    ],
)
def test_other_waits_are_nobodys_business(tmp_path: Path, body: str) -> None:
    assert _planted(tmp_path, body) == []


def _planted(root: Path, body: str) -> list[str]:
    (root / "pyproject.toml").write_text(HEAD)
    (root / MODULE).parent.mkdir(parents=True)
    (root / MODULE).write_text(f"async def planted():\n    {body}\n")
    return waiting_handlers(root)


def test_no_interpreted_class_inherits_a_compiled_one(checkout: Path) -> None:
    assert interpreted_heirs(checkout) == []


@pytest.mark.parametrize(("base", "found"), [("", 1), ("(Other)", 1), ("(Exception)", 0), ("(enum.Enum)", 0)])
def test_a_planted_heir_is_seen(tmp_path: Path, base: str, found: int) -> None:
    _planted(tmp_path, "...")
    (tmp_path / MODULE).write_text(f"class Base{base}: ...")
    (tmp_path / MODULE).with_name("heir.py").write_text(
        "from mfa_gateway.core.planted import Base as Old\nclass Heir(Old): ..."
    )
    assert len(interpreted_heirs(tmp_path)) == found
