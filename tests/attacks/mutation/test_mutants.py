"""What is kept of mutants: each patch still applies, is of a sentence of the README, and names tests that there are."""

import re
from pathlib import Path

import pytest

from tests.attacks.mutation.patches import FOLDER, DoesNotApply, applied, mutants, read_mutant
from tests.attacks.mutation.scratch import ROOT

KEPT = {mutant.name: mutant for mutant in mutants()}
_ROW = re.compile(r"^\| (?!what is)(.+?) \| [A-Z][0-9]{2}", re.MULTILINE)


def sentences() -> set[str]:
    """What the README says is defended."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    start = text.index("\n## Security\n")
    return set(_ROW.findall(text[start : text.index("\n## ", start + 1)]))


@pytest.mark.parametrize("name", KEPT)
def test_a_patch_applies_and_changes_something_that_is_still_a_program(name: str) -> None:
    texts = applied(KEPT[name], ROOT)
    assert texts
    for path, text in texts.items():
        assert path.is_relative_to(ROOT / "mfa_gateway")
        assert text != path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            compile(text, path, "exec")


@pytest.mark.parametrize("name", KEPT)
def test_a_patch_names_tests_that_there_are(name: str) -> None:
    for test in KEPT[name].red:
        file, _, rest = test.partition("::")
        function, _, parameters = rest.partition("[")
        assert re.search(rf"^(?:async )?def {function}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), (
            test
        )
        assert not parameters or parameters.endswith("]")


def test_every_sentence_has_a_mutant_and_every_mutant_a_sentence() -> None:
    assert len(sentences()) > 20
    assert {mutant.sentence for mutant in KEPT.values()} == sentences()


# --- Reading and applying ----------------------------------------------------------------------

PATCH = """\
Takes away: the second line
Sentence: there are three
Red: tests/x.py::test_it
Red: tests/x.py::test_that

--- a/mfa_gateway/x.py
+++ b/mfa_gateway/x.py
@@ -1,3 +1,2 @@
 one
-two
 three
"""


def checkout(folder: Path, text: str) -> Path:
    (folder / "mfa_gateway").mkdir()
    (folder / "mfa_gateway" / "x.py").write_text(text)
    (folder / "gone.patch").write_text(PATCH)
    return folder


def test_a_patch_is_applied_wherever_its_lines_are(tmp_path: Path) -> None:
    root = checkout(tmp_path, "zero\nzero\none\ntwo\nthree\nfour\n")
    mutant = read_mutant(root / "gone.patch")
    assert (mutant.name, mutant.red) == ("gone", ("tests/x.py::test_it", "tests/x.py::test_that"))
    assert applied(mutant, root) == {root / "mfa_gateway" / "x.py": "zero\nzero\none\nthree\nfour\n"}


@pytest.mark.parametrize("text", ["one\nthree\n", "one\ntwo\nthree\none\ntwo\nthree\n", "none\ntwo\nthree\n"])
def test_a_patch_of_lines_that_are_not_there_once_does_not_apply(tmp_path: Path, text: str) -> None:
    root = checkout(tmp_path, text)
    with pytest.raises(DoesNotApply, match="gone"):
        applied(read_mutant(root / "gone.patch"), root)


@pytest.mark.parametrize("line", ["Takes away: the second line\n", "Sentence: there are three\n"])
def test_a_patch_says_what_it_is(tmp_path: Path, line: str) -> None:
    (tmp_path / "bad.patch").write_text(PATCH.replace(line, ""))
    with pytest.raises(ValueError, match=r"bad\.patch"):
        read_mutant(tmp_path / "bad.patch")


def test_nothing_else_is_kept_beside_them() -> None:
    assert {path.suffix for path in FOLDER.iterdir()} == {".patch"}
