import pickle

from mfa_gateway.settings import ConfigurationError, Problem
from mfa_gateway.settings.problems import closest, listing, place_text


def test_a_place_reads_like_the_file() -> None:
    assert place_text(("access_control", "rules", 2, "paths", 0)) == "access_control.rules[2].paths[0]"


def test_an_error_prints_every_problem_on_a_line_of_its_own() -> None:
    error = ConfigurationError([Problem("codes.length", "must be at least 6"), Problem("", "nothing else")])
    assert str(error) == "codes.length: must be at least 6\nnothing else"


def test_a_problem_fits_on_one_line_whatever_was_written() -> None:
    assert str(Problem("a\nb", "'c\x07\ud800' is wrong")) == r"a\nb: 'c\x07\ud800' is wrong"


def test_an_error_travels_between_processes() -> None:
    error = ConfigurationError([Problem("a", "b")])
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


def test_a_misspelled_word_finds_its_neighbour() -> None:
    assert closest("garce", ["grace", "scope"]) == "grace"


def test_a_strange_word_finds_none() -> None:
    assert closest("xyz", ["grace", "scope"]) is None


def test_a_listing_reads_like_a_sentence() -> None:
    assert listing(["a", "b", "c"]) == "a, b or c"
