"""Below a mount point and above it again: what is judged, and what the application gets."""

import pytest
from starlette._utils import get_route_path

from mfa_gateway.doors.library.door import above, below
from tests.doors.scopes import scope


@pytest.mark.parametrize(
    ("target", "root", "raw"),
    [
        ("/api/x", "/api", b"/x"),
        ("/api/", "/api", b"/"),
        ("/api", "/api", b"/"),
        ("/%61pi/x%20y", "/api", b"/x%20y"),
        ("/a/b/c", "/a/b", b"/c"),
        ("/%C3%A4/x", "/ä", b"/x"),
        ("/x", "", b"/x"),
        ("/x", "/api", b"/x"),
        ("/apix/y", "/api", b"/apix/y"),
    ],
)
def test_what_is_judged_is_what_the_application_would_route(target: str, root: str, raw: bytes) -> None:
    given = scope(target, root_path=root)
    taken = below(given)
    assert (taken["raw_path"], taken["path"]) == (raw, get_route_path(given) or "/")


@pytest.mark.parametrize("target", ["/a%2fb/c", "/a//b/c", "/a/./b/c", "/a/b%2fc"])
def test_an_odd_beginning_is_left_as_it_is_and_judged_whole(target: str) -> None:
    given = scope(target, root_path="/a/b")
    taken = below(given)
    assert taken is given or taken["raw_path"].endswith(b"c")


@pytest.mark.parametrize("target", ["/api/x", "/api", "/%61pi/x"])
def test_the_application_gets_its_own_path_back(target: str) -> None:
    given = scope(target, root_path="/api")
    again = above(dict(below(given)))
    assert (again["path"], again["root_path"]) == (given["path"], "/api")
    assert again["raw_path"] == given["raw_path"]


def test_the_root_path_that_an_application_will_set_itself_counts() -> None:
    given = scope("/api/x")
    taken = below(given, "/api")
    assert (taken["path"], above(dict(taken))["root_path"]) == ("/x", "")
