"""What the README says is defended is attacked here, row by row."""

import re
from pathlib import Path

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"
_ID = re.compile(r"\b[PMHSJROGKDLUT][0-9]{2}\b")


def section() -> str:
    """What the README says of security."""
    text = README.read_text(encoding="utf-8")
    start = text.index("\n## Security\n")
    return text[start : text.index("\n## ", start + 1)]


def attacked() -> set[str]:
    """The rows that have a test."""
    named = re.compile(r"^(?:async )?def test_([a-z][0-9]{2})_", re.MULTILINE)
    found = (named.findall(file.read_text(encoding="utf-8")) for file in HERE.glob("test_*.py"))
    return {row.upper() for rows in found for row in rows}


def test_every_row_that_is_named_is_attacked() -> None:
    named = set(_ID.findall(section()))
    assert len(named) > 80
    assert named <= attacked()


def test_every_row_that_is_attacked_is_named() -> None:
    assert attacked() - set(_ID.findall(section())) == set()


def test_every_sentence_names_a_row() -> None:
    rows = [line for line in section().splitlines() if line.startswith("| ") and not line.startswith("| what")]
    assert len(rows) > 20
    for line in rows:
        assert _ID.search(line.rpartition("|")[0].rpartition("|")[2]), line
