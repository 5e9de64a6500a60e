from collections.abc import Iterator

import pytest

from mfa_gateway.cli.people.seen import Seen


@pytest.fixture
def seen() -> Iterator[Seen]:
    made = Seen()
    yield made
    made.close()


def test_the_first_is_remembered_by_its_line(seen: Seen) -> None:
    assert seen.first("account", "shop", "ada", line=3) is None
    assert seen.first("account", "shop", "ada", line=7) == 3
    assert seen.first("account", "shop", "ada", line=9) == 3


def test_names_are_told_apart(seen: Seen) -> None:
    names = [("a", "b", "c"), ("a", "bc"), ("ab", "c"), ("abc",), ("a", "b,c"), ("a', 'b", "c"), ("a", "\ud800")]
    assert [seen.first(*name, line=1) for name in names] == [None] * len(names)


def test_many_names_are_kept_apart(seen: Seen) -> None:
    assert [seen.first(f"{number}", line=number) for number in range(1, 20_001)] == [None] * 20_000
    assert [seen.first(f"{number}", line=0) for number in (1, 777, 20_000)] == [1, 777, 20_000]
