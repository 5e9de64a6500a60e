"""Meetings: exactly those patterns that share a path, as trying each with each finds them."""

from itertools import combinations, product
from time import process_time

from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.meeting import meetings
from mfa_gateway.core.pattern import Pattern, Wild
from mfa_gateway.core.policy import Access, Requirement, Rule, _shared_path, conflicts

parts = st.lists(st.sampled_from(["p", "q", "r", Wild.SEGMENT]), max_size=4)
patterns = st.builds(lambda fixed, rest: Pattern((*fixed, *rest)), parts, st.sampled_from([(), (Wild.REST,)]))
groups = st.lists(st.lists(patterns, min_size=1, max_size=3).map(tuple), max_size=8)


def pair_by_pair(found: list[tuple[Pattern, ...]]) -> list[tuple[int, int]]:
    return [
        (first, second)
        for (first, one), (second, other) in combinations(enumerate(found), 2)
        if any(_shared_path(a, b) is not None for a, b in product(one, other))
    ]


@given(groups)
def test_those_who_meet_are_those_who_share_a_path(found: list[tuple[Pattern, ...]]) -> None:
    assert meetings(found) == pair_by_pair(found)


def test_ten_thousand_rules_on_paths_of_their_own_are_looked_through_at_once() -> None:
    rules = [
        Rule(f"rule-{at}", (Pattern(("api", f"area-{at % 100}", f"thing-{at}", Wild.SEGMENT)),), Requirement(access))
        for at, access in zip(range(10_000), [Access.MFA, Access.DENY] * 5_000, strict=True)
    ]
    began = process_time()
    assert conflicts(rules) == ()
    # Each with each takes minutes.
    assert process_time() - began < 5
