"""Routing: the most specific upstream serves a call, and gets the bytes that were judged."""

from itertools import permutations
from typing import Final
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.call import CanonicalPath, Oddity, OddPath, canonical_path
from mfa_gateway.core.readings import odd_path
from mfa_gateway.core.routing import ANYWHERE, Astray, OddTargets, Route, Routes, path_for

STRICTEST: Final = OddTargets.STRICTEST
tried = settings(deadline=None, max_examples=300)


def plain(target: str) -> CanonicalPath:
    path = canonical_path(target.encode())
    assert isinstance(path, CanonicalPath)
    return path


def odd(target: str) -> OddPath:
    path = odd_path(target.encode())
    assert isinstance(path, OddPath), path
    return path


def route(host: str = "", prefix: str = "", **more: object) -> Route:
    return Route(f"{host}{prefix}", host, prefix, **more)  # type: ignore[arg-type]  # as each test writes it


def way(routes: Routes, path: CanonicalPath | OddPath, host: str = "") -> str | Astray:
    found = routes.direct(path, host)
    return found.name if isinstance(found, Route) else found


# --- Which route ------------------------------------------------------------------------------

TABLE: Final = (
    route(),
    route(prefix="/shop"),
    route(prefix="/shop/carts"),
    route("a.test"),
    route("a.test", "/shop"),
    route("b.test", "/only"),
)


@pytest.mark.parametrize(
    ("host", "target", "name"),
    [
        ("x.test", "/", ""),
        ("", "/", ""),
        ("x.test", "/shop", "/shop"),
        ("x.test", "/shop/", "/shop"),
        ("x.test", "/shop/1", "/shop"),
        ("x.test", "/shops", ""),
        ("x.test", "/shop%21", ""),
        ("x.test", "/SHOP", ""),
        ("x.test", "/%73hop/x", "/shop"),
        ("x.test", "/shop/carts/1", "/shop/carts"),
        ("x.test", "/shop/cartsX", "/shop"),
        ("a.test", "/other", "a.test"),
        ("a.test", "/shop/carts", "a.test/shop"),
        ("b.test", "/only/x", "b.test/only"),
        ("b.test", "/shop/x", "/shop"),
        ("b.test", "/other", ""),
    ],
)
def test_the_host_comes_first_then_the_longest_prefix_in_whole_segments(host: str, target: str, name: str) -> None:
    assert way(Routes(TABLE), plain(target), host) == name


def test_the_order_in_the_file_changes_nothing() -> None:
    for order in permutations(TABLE[:4]):
        assert way(Routes(order), plain("/shop/carts/1"), "x.test") == "/shop/carts"


def test_a_call_that_no_route_serves_is_told_so() -> None:
    routes = Routes([route("a.test"), route(prefix="/shop")])
    assert way(routes, plain("/other"), "b.test") is Astray.UNSERVED
    assert way(ANYWHERE, plain("/other")) is Astray.UNSERVED


@pytest.mark.parametrize(("one", "other"), [("", ""), ("/a", "/a"), ("/a%21", "/a!")])
def test_two_routes_for_the_same_calls_are_no_table(one: str, other: str) -> None:
    with pytest.raises(ValueError, match="same host and prefix"):
        Routes([Route("1", "a.test", one), Route("2", "a.test", other)])


@pytest.mark.parametrize("prefix", ["/", "/a/", "a", "/a//b", "/a%2Fb", "/%61", "/a%c3%a9", "/é"])
def test_a_prefix_has_one_spelling(prefix: str) -> None:
    with pytest.raises(ValueError, match="not a canonical path"):
        route(prefix=prefix)


# --- What is forwarded ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "target", "forwarded"),
    [
        ("/shop", "/shop", b"/"),
        ("/shop", "/shop/", b"/"),
        ("/shop", "/shop/x", b"/x"),
        ("/shop", "/shop/x/", b"/x/"),
        ("/shop", "/%73hop/x%20y", b"/x%20y"),
        ("/a/b", "/a/b/c/d", b"/c/d"),
        ("/a%21", "/a!/x", b"/x"),
        ("/a!", "/a%21/x", b"/x"),
        ("/caf%C3%A9", "/caf%c3%a9/x", b"/x"),
    ],
)
def test_a_prefix_is_taken_off_in_whole_segments_however_it_was_spelt(
    prefix: str, target: str, forwarded: bytes
) -> None:
    stripping = route(prefix=prefix, strips_prefix=True)
    assert Routes([stripping]).direct(plain(target), "") == stripping
    assert stripping.target(plain(target)) == forwarded


def test_without_stripping_the_whole_path_goes_on() -> None:
    assert route(prefix="/shop").target(plain("/shop/x")) == b"/shop/x"


@tried
@given(st.lists(st.sampled_from(["a", "b!", "b%21", "c%20d", "%C3%A9", "e;v=1", "f%2Fg", "", "%68"]), max_size=5))
def test_what_is_left_is_what_was_judged_without_the_prefix(rest: list[str]) -> None:
    stripping = route(prefix="/p/q%21", strips_prefix=True, odd_targets=STRICTEST)
    raw = "/p/q!" + "".join(f"/{segment}" for segment in rest)
    path = canonical_path(raw.encode())
    readable = path if isinstance(path, CanonicalPath) else odd_path(raw.encode())
    if isinstance(readable, CanonicalPath | OddPath) and Routes([stripping]).direct(readable, "") is stripping:
        left = stripping.target(readable)
        assert not left.startswith(b"//")
        assert unquote_to_bytes(readable.wire).removeprefix(b"/p/q!") in {unquote_to_bytes(left), b""}
        assert {("p", "q!", *segments) for segments in _readings(odd_path(left))} <= set(_readings(readable))


def _readings(path: object) -> tuple[tuple[str, ...], ...]:
    assert isinstance(path, CanonicalPath | OddPath)
    return tuple(one.segments for one in path.readings) if isinstance(path, OddPath) else (path.segments,)


# --- Odd paths --------------------------------------------------------------------------------


def test_an_odd_path_goes_where_it_is_wanted() -> None:
    routes = Routes([route(prefix="/files", odd_targets=STRICTEST), route()])
    assert way(routes, odd("/files/a%2Fb")) == "/files"
    assert way(routes, odd("/other/a%2Fb")) is Astray.AMBIGUOUS


@pytest.mark.parametrize("target", ["/files;v=1/a", "/files%2Fa", "/x/..a%2Fb;/files", "/fil%65s//a"])
def test_readings_that_lead_to_two_places_lead_nowhere(target: str) -> None:
    routes = Routes([route(prefix="/files", odd_targets=STRICTEST), route(odd_targets=OddTargets.REFUSE)])
    assert way(routes, odd(target)) is Astray.AMBIGUOUS


def test_readings_that_lead_to_two_willing_places_lead_nowhere_too() -> None:
    routes = Routes([route(prefix="/files", odd_targets=STRICTEST), route(odd_targets=STRICTEST)])
    assert way(routes, odd("/files%2Fa")) is Astray.AMBIGUOUS
    assert way(routes, odd("/other%2Fa")) == ""


def test_an_odd_path_that_nobody_serves_in_any_reading_is_told_so() -> None:
    assert way(Routes([route(prefix="/files", odd_targets=STRICTEST)]), odd("/other%2Fa")) is Astray.UNSERVED


def test_an_odd_path_may_be_served_in_one_reading_and_not_in_another() -> None:
    assert way(Routes([route(prefix="/files", odd_targets=STRICTEST)]), odd("/files%2Fa")) is Astray.AMBIGUOUS


@pytest.mark.parametrize("target", ["/shop//x", "/shop//", "/shop/%2Fx", "/shop/;v/x", "/shop/%2F"])
def test_what_is_left_of_an_odd_path_never_begins_with_two_slashes(target: str) -> None:
    stripping = Routes([route(prefix="/shop", strips_prefix=True, odd_targets=STRICTEST)])
    assert way(stripping, odd(target)) is Astray.AMBIGUOUS
    assert way(Routes([route(prefix="/shop", odd_targets=STRICTEST)]), odd(target)) == "/shop"


@pytest.mark.parametrize(
    ("target", "forwarded"),
    [("/shop/a%2fb", b"/a%2fb"), ("/shop/a;v=1//c", b"/a;v=1//c"), ("/shop/;v", b"/;v"), ("/shop/a|b;", b"/a|b;")],
)
def test_what_is_left_of_an_odd_path_goes_on_byte_by_byte(target: str, forwarded: bytes) -> None:
    stripping = route(prefix="/shop", strips_prefix=True, odd_targets=STRICTEST)
    assert Routes([stripping]).direct(odd(target), "") is stripping
    assert stripping.target(odd(target)) == forwarded


def test_a_table_tells_whether_any_route_takes_odd_paths() -> None:
    assert Routes([route(), route(prefix="/a", odd_targets=STRICTEST)]).takes_odd_paths
    assert not Routes([route()]).takes_odd_paths
    assert not ANYWHERE.takes_odd_paths


def test_what_is_read_in_all_readings_is_only_what_is_odd_and_goes_where_that_is_taken() -> None:
    routes = Routes([route(prefix="/files", odd_targets=STRICTEST), route()])
    assert path_for(b"/files/a", "", routes) == plain("/files/a")
    assert path_for(b"/files/a%2Fb", "", routes) == odd("/files/a%2Fb")
    assert path_for(b"/other/a%2Fb", "", routes) is Oddity.ENCODED_SEPARATOR
    assert path_for(b"/files/../a", "", routes) is Oddity.DOT_SEGMENT
    assert path_for(b"/files/a%2Fb", "", Routes([route()])) is Oddity.ENCODED_SEPARATOR
