import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.dialects.glue.media import JSON, JSON_API, answer_type, is_readable


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/vnd.api+json",
        "Application/JSON",
        " application/json ",
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8",
        'application/json ; charset="utf-8"',
        "application/vnd.api+json; charset=utf-8",
        'application/vnd.api+json; profile="https://example.com/a;b,c"',
        "application/json;",
        "application/json; ; charset=utf-8",
    ],
)
def test_a_body_is_read_under(content_type: str) -> None:
    assert is_readable(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json5",
        "application/hal+json",
        "application/vnd.api",
        "text/json",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=utf-7",
        "application/json; charset",
        "application/json; version=1",
        'application/vnd.api+json; ext="https://jsonapi.org/ext/atomic"',
        'application/vnd.api+json; profile="a"; ext="b"',
        "application/vnd.api+json; profile=unquoted",
        'application/json; charset="utf-8',
        "application/json\n",
        "application/j\u017fon",
    ],
)
def test_a_body_is_not_read_under(content_type: str) -> None:
    assert not is_readable(content_type)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/json, text/plain, */*", JSON),
        ("text/html", JSON),
        ("application/vnd.api+json", JSON_API),
        ("APPLICATION/VND.API+JSON", JSON_API),
        ("application/vnd.api+json, application/json", JSON_API),
        ("application/json, application/vnd.api+json", JSON_API),
        ("application/vnd.api+json, */*", JSON_API),
        ("text/html, application/vnd.api+json;q=0.1", JSON_API),
        ('application/vnd.api+json; profile="https://example.com/a,b;q=0"', JSON_API),
    ],
)
def test_json_api_is_written_for_those_who_ask_for_it(accept: str, expected: str) -> None:
    assert answer_type(accept) == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/vnd.api+json;q=0", JSON),
        ("application/vnd.api+json;q=0.0, application/json;q=0", JSON),
        ("application/vnd.api+json; q=0.5, application/json", JSON),
        ("application/vnd.api+json;q=0.5, */*", JSON),
        ("application/vnd.api+json;q=0.5, application/json;q=0.50", JSON_API),
        ("application/vnd.api+json;q=1.000, application/json;q=0.999", JSON_API),
        ("application/json;q=0, */*", JSON_API),
        ("application/json;q=0, application/*;q=0.2", JSON_API),
        ("application/vnd.api+json;Q=0, */*", JSON),
    ],
)
def test_the_greater_wish_wins(accept: str, expected: str) -> None:
    assert answer_type(accept) == expected


@pytest.mark.parametrize("weight", ["q=2", "q=", "q=-1", "q=nan", "q=1.001", "q=0.5555", "q=\u0661", "q=1e-1"])
def test_a_wish_that_cannot_be_read_is_none(weight: str) -> None:
    assert answer_type(f"application/vnd.api+json;{weight}") == JSON


@pytest.mark.parametrize("order", [1, -1])
def test_a_wish_made_twice_counts_once_at_its_best(order: int) -> None:
    wishes = ["application/vnd.api+json;q=0", "application/vnd.api+json"]
    assert answer_type(", ".join(wishes[::order])) == JSON_API


def test_an_unclosed_quote_hides_the_rest() -> None:
    assert answer_type('text/html;a=", application/vnd.api+json') == JSON


@settings(deadline=None)
@given(st.text(st.sampled_from(r'";\, /*q=01.application/vnd.api+json')) | st.text())
def test_any_accept_value_gives_one_of_the_two_types(accept: str) -> None:
    assert answer_type(accept) in {JSON, JSON_API}


# A backtracking expression would not come back from some of these.
@pytest.mark.parametrize(
    "hostile",
    ["; " * 16_000 + "x", ";" + " " * 32_000 + "x", ';profile="' * 3_001, '"\\' * 16_000, '"' + "\\" * 32_001],
)
def test_hostile_values_are_read_in_linear_time(hostile: str) -> None:
    assert not is_readable(f"application/json{hostile}")
    assert answer_type(f"application/json{hostile}") == JSON
