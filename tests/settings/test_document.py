import math
from pathlib import Path

import pytest

from mfa_gateway.settings.document import Document, parse_document, read_document


def told(text: str) -> list[str]:
    return [str(problem) for problem in parse_document(text).problems]


@pytest.mark.parametrize(
    "word", ["no", "off", "yes", "on", "none", "open", "NO", "12:30", "2024-01-01", "1_000", "=", "y"]
)
def test_a_plain_word_is_a_word(word: str) -> None:
    assert parse_document(f"key: {word}").tree == {"key": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("010", 10),
        ("0o17", 15),
        ("0xff", 255),
        ("-1.5e3", -1500.0),
        (".5", 0.5),
        ("'true'", "true"),
        ("!!str 5", "5"),
    ],
)
def test_a_plain_scalar_means_what_yaml_1_2_says(text: str, value: object) -> None:
    assert parse_document(f"key: {text}").tree == {"key": value}


def test_infinity_is_a_number() -> None:
    assert parse_document("-.inf").tree == -math.inf


def test_a_key_written_twice_is_a_problem_with_both_lines() -> None:
    assert told("a:\n  b: 1\n  c: 2\n  b: 3\n") == [
        "a.b: is written twice, also in line 2: keep one of them (line 4, column 3)"
    ]


def test_every_key_written_twice_is_told() -> None:
    assert len(told("a: 1\na: 2\nb: [{c: 1, c: 2}]\n")) == 2


def test_a_merged_mapping_gives_way_to_what_is_written() -> None:
    text = "base: &base {a: 1, b: 2}\nrule: {<<: *base, b: 3}\n"
    assert parse_document(text) == Document({"base": {"a": 1, "b": 2}, "rule": {"a": 1, "b": 3}})


def test_of_several_merged_mappings_the_first_wins() -> None:
    tree = parse_document("rule: {<<: [{a: 1}, {a: 2, b: 2}]}").tree
    assert tree == {"rule": {"a": 1, "b": 2}}


def test_only_mappings_can_be_merged() -> None:
    assert told("a: {<<: 5}") == ["a: '<<' takes a mapping, or a list of mappings (line 1, column 9)"]


def test_text_that_is_not_yaml_is_told_with_line_and_column() -> None:
    assert told("a: 1\nb: [1, 2\nc: 3\n") == [
        "line 3, column 2: expected ',' or ']', but got ':' (while parsing a flow sequence, begun in line 2)"
    ]


def test_a_tab_is_told_how_to_indent() -> None:
    (problem,) = told("a:\n\tb: 1\n")
    assert problem.startswith("line 2, column 1: ")
    assert "indent with spaces, not with tabs" in problem


def test_a_control_character_is_told_with_line_and_column() -> None:
    assert told("a: 1\nb: \x07\n") == ["line 2, column 4: a control character: take it out"]


def test_a_second_document_is_a_problem() -> None:
    (problem,) = told("a: 1\n---\nb: 2\n")
    assert problem.startswith("line 2, column 1: ")


@pytest.mark.parametrize("text", ["a: !!python/object:os.system {}", "a: !!binary aGk=", "a: !mine [1]"])
def test_a_type_of_its_own_has_no_meaning(text: str) -> None:
    (problem,) = told(text)
    assert "has no meaning here: write the value without it" in problem


def test_a_value_that_is_not_of_its_type_is_a_problem() -> None:
    assert told("a: !!int x") == ["a: is not a value of the type int (line 1, column 4)"]


@pytest.mark.parametrize("text", ["[a]: 1", "{}: 1", "? {a: b}\n: 1", '"": 1'])
def test_a_key_is_a_word(text: str) -> None:
    (problem,) = told(text)
    assert problem.startswith("a key must be a word")


def test_a_key_that_looks_like_a_boolean_is_a_word() -> None:
    assert parse_document("on: 1").tree == {"on": 1}


def test_an_anchor_that_holds_itself_is_a_problem() -> None:
    (problem,) = told("a: &a [*a]")
    assert problem.startswith("a[0]: the anchor holds itself, or grows without end")


@pytest.mark.parametrize("text", ["- " * 2_000, "[" * 500 + "]" * 500, "a: " + "{b: " * 40 + "1" + "}" * 40])
def test_what_is_nested_too_deeply_is_a_problem(text: str) -> None:
    document = parse_document(text)
    assert document.problems
    assert all("nested too deeply" in problem.text for problem in document.problems)


def test_anchors_cannot_grow_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert told("\n".join(lines))


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    document = read_document(tmp_path / "none.yaml")
    assert [str(problem) for problem in document.problems] == [
        f"the configuration file {tmp_path / 'none.yaml'} cannot be read: no such file or directory"
    ]


def test_a_file_that_is_not_utf_8_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"a: \xff\n")
    (problem,) = read_document(tmp_path / "c.yaml").problems
    assert problem.text == f"byte 3 of {tmp_path / 'c.yaml'} is not UTF-8: save the file as UTF-8"


def test_a_byte_order_mark_is_not_a_key(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_document(tmp_path / "c.yaml").tree == {"a": 1}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_is_no_keys(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    assert read_document(tmp_path / "c.yaml") == Document({})


@pytest.mark.parametrize("text", ["- a\n", "text\n"])
def test_a_file_is_a_mapping(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    (problem,) = read_document(tmp_path / "c.yaml").problems
    assert problem.text == "the configuration must be a mapping of keys, as in `listen: 127.0.0.1:8080`"
