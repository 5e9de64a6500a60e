"""Odd paths against servers: whatever one of them makes of the bytes that go on is among the judged readings."""

import posixpath
import re
from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Final
from urllib.parse import unquote, urljoin, urlparse, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import compile_path

from mfa_gateway.core.call import Call, CanonicalPath, Oddity, OddPath, canonical_path
from mfa_gateway.core.gate import admit
from mfa_gateway.core.pattern import Pattern, Wild, read_pattern
from mfa_gateway.core.policy import Access, Candidates, Policy, Requirement, Rule
from mfa_gateway.core.readings import odd_path

tried = settings(deadline=None, max_examples=400)

# What the mode is for, several times, among what makes a path of it and what it has to refuse.
PIECES: Final = [
    *("/", "/", "/", "/", "p", "q", "p", "q", "%2F", "%2F", "%2f", ";", ";v=1", ";jsessionid=1", "//", "é"),
    *("%70", "%71", "%20", "%7E", "~", "%25", "2F", "%252F", ".", "..", "%2e", "%5c", "%3b", "%00", "\\", "?", "%zz"),
]
usual = st.sampled_from(PIECES[:21])
raws = st.lists(usual | st.sampled_from(PIECES), max_size=9).map(lambda pieces: ("/" + "".join(pieces)).encode())
likely = st.lists(usual, min_size=1, max_size=8).map(lambda pieces: ("/" + "".join(pieces)).encode("ascii", "ignore"))


def segments(text: str) -> tuple[str, ...]:
    path = text[1:].removesuffix("/")
    return tuple(path.split("/")) if path else ()


def to_rules(path: tuple[str, ...]) -> tuple[str, ...]:
    """No literal holds a `;`, so a segment with any parameters left in it is one value like another."""
    return tuple(";" if ";" in segment else segment for segment in path)


def odd(raw: bytes) -> OddPath:
    path = odd_path(raw)
    assert isinstance(path, OddPath), f"{raw!r} was refused: {path}"
    return path


def shown(raw: bytes) -> set[str]:
    return {str(reading) for reading in odd(raw).readings}


# --- How servers read what is forwarded -------------------------------------------------------


def tomcat(raw: str) -> str:
    """Cuts parameters off the raw path, decodes with slashes, merges them."""
    return re.sub("/+", "/", unquote(re.sub(";[^/]*", "", raw)))


def spring(raw: str) -> str:
    """With `removeSemicolonContent` off, only a session goes."""
    return unquote(re.sub("(?i);jsessionid=[^;/]*", "", raw))


def wsgi(raw: str) -> str:
    """http.server and its like: the last segment's parameters are taken off, the rest is decoded."""
    return unquote(urlparse(raw).path)


SERVERS: Final[Mapping[str, Callable[[str], str]]] = {
    "asgi": unquote,
    "nginx": lambda raw: re.sub("/+", "/", unquote(raw)),
    "envoy before an ASGI server": lambda raw: unquote(re.sub("/+", "/", raw)),
    "go": lambda raw: posixpath.normpath(unquote(raw)),
    "tomcat": tomcat,
    "tomcat without merging": lambda raw: unquote(re.sub(";[^/]*", "", raw)),
    "jetty after nginx": lambda raw: re.sub(";[^/]*", "", re.sub("/+", "/", unquote(raw))),
    "spring": spring,
    "shiro": lambda raw: unquote(raw).partition(";")[0],
    "wsgi": wsgi,
    "node": lambda raw: unquote(urlsplit(urljoin("http://up.test", raw)).path),
    "lenient at the end": lambda raw: unquote(raw).rstrip("/") or "/",
    "twice decoding": lambda raw: unquote(unquote(raw)),
}


@pytest.mark.parametrize("server", sorted(SERVERS))
@settings(deadline=None, max_examples=200)
@given(raw=raws | likely)
def test_what_a_server_sees_is_among_the_readings(server: str, raw: bytes) -> None:
    path = odd_path(raw)
    if isinstance(path, OddPath):
        seen = segments(SERVERS[server](raw.decode("ascii")))
        assert to_rules(seen) in {to_rules(reading.segments) for reading in path.readings}, server


@tried
@given(raws | likely)
def test_servers_that_keep_encoded_slashes_see_one_of_the_readings(raw: bytes) -> None:
    path = odd_path(raw)
    if isinstance(path, OddPath):
        read = {reading.segments for reading in path.readings}
        express = tuple(unquote(segment) for segment in segments(raw.decode("ascii")))
        assert express in read
        cut = tuple(unquote(segment) for segment in segments(re.sub(";[^/]*", "", raw.decode("ascii"))))
        assert cut in read


@tried
@given(raws | likely)
def test_servers_that_decode_nothing_see_one_of_the_readings(raw: bytes) -> None:
    path = odd_path(raw)
    if isinstance(path, OddPath):
        spelt = re.sub("%(?=7[0-9A-Ea-e]|6|4|5[0-9Aa]|2[DdEe]|3[0-9]|5[Ff])", "%25", raw.decode("ascii"))
        assert tuple(unquote(part) for part in segments(spelt)) in {reading.segments for reading in path.readings}


STEPS: Final[tuple[Callable[[str], str], ...]] = (
    lambda text: text.replace("%2F", "/").replace("%2f", "/"),
    lambda text: re.sub("/+", "/", text),
    lambda text: re.sub(";[^/]*", "", text),
    lambda text: text.partition(";")[0],
    lambda text: text.rstrip("/") or "/",
)


@tried
@given(raws | likely, st.lists(st.sampled_from(STEPS), max_size=6))
def test_no_order_of_steps_leads_out_of_the_readings(raw: bytes, steps: list[Callable[[str], str]]) -> None:
    path = odd_path(raw)
    if isinstance(path, OddPath):
        text = raw.decode("ascii")
        for step in steps:
            text = step(text)
        seen = tuple(unquote(segment) for segment in segments(text))
        assert seen in {reading.segments for reading in path.readings}


@tried
@given(raws)
def test_a_path_with_one_reading_has_this_one_and_no_other_here(raw: bytes) -> None:
    plain = canonical_path(raw)
    if isinstance(plain, CanonicalPath) and plain.wire == raw:
        assert [reading.segments for reading in odd(raw).readings] == [plain.segments]


@tried
@given(raws | likely)
def test_what_is_forwarded_is_what_was_received(raw: bytes) -> None:
    path = odd_path(raw)
    if isinstance(path, OddPath):
        assert path.wire == raw
        assert str(path).encode("ascii") == raw


@tried
@given(raws | likely)
def test_no_reading_leaves_the_place_that_it_names(raw: bytes) -> None:
    path = odd_path(raw)
    if isinstance(path, OddPath):
        for reading in path.readings:
            for part in (piece for segment in reading.segments for piece in re.split("[/;]", segment)):
                assert part not in {".", ".."}
                assert "\\" not in part
            assert reading.segments[:1] != ("",)


# --- Handlers behind the gate -----------------------------------------------------------------

TEXTS: Final = ("/**", "/p", "/p/**", "/p/q", "/p/{x}", "/p/{x}/q", "/p/{x}/**", "/{x}/q", "/p/q/**", "/q")
PATTERNS: Final = {text: pattern for text in TEXTS if isinstance(pattern := read_pattern(text), Pattern)}
ASKS: Final = {Access.OPEN: Requirement(Access.OPEN), Access.MFA: Requirement(Access.MFA)}
policies = st.dictionaries(st.sampled_from(TEXTS), st.sampled_from(sorted(ASKS)), min_size=1, max_size=5)


def specificity(text: str) -> tuple[int, ...]:
    return tuple(2 if part is Wild.REST else 1 if part is Wild.SEGMENT else 0 for part in PATTERNS[text].parts)


def handler(texts: Mapping[str, Access], path: str) -> str | None:
    """Which of the handlers Starlette's own patterns lead to, the most specific tried first."""
    for text in sorted(texts, key=specificity):
        stem = text.removesuffix("/**")
        forms = [text] if stem == text else [stem or "/", f"{stem}/{{rest:path}}"]
        if any(compile_path(form)[0].match(path) for form in forms):
            return text
    return None


def conflict_free(texts: Mapping[str, Access], default: Access) -> Policy | None:
    try:
        return Policy(
            [Rule(text, (PATTERNS[text],), ASKS[access]) for text, access in texts.items()], default=ASKS[default]
        )
    except ValueError:
        return None


@settings(deadline=None, max_examples=1500)
@given(likely, policies, st.sampled_from(sorted(ASKS)), st.sampled_from(sorted(SERVERS)))
def test_a_protected_handler_is_never_reached_without_being_asked(
    raw: bytes, texts: dict[str, Access], default: Access, server: str
) -> None:
    path, policy = odd_path(raw), conflict_free(texts, default)
    if isinstance(path, OddPath) and policy is not None:
        seen = SERVERS[server](raw.decode("ascii"))
        reached = handler(texts, seen if seen == "/" else seen.removesuffix("/"))
        if (default if reached is None else texts[reached]) is Access.MFA:
            assert isinstance(admit(policy, Call("GET", path)), Candidates), f"{seen} is handled by {reached}"


def test_an_empty_segment_is_judged_as_a_value_and_as_none() -> None:
    """Starlette takes `/p//q` to neither of the two open handlers, but to the one for all the rest."""
    texts = {"/p/{x}/q": Access.OPEN, "/p/q": Access.OPEN, "/p/**": Access.MFA}
    policy = conflict_free(texts, Access.OPEN)
    assert policy is not None
    assert handler(texts, "/p//q") == "/p/**"
    assert isinstance(admit(policy, Call("GET", odd(b"/p//q"))), Candidates)


# --- What is read -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "readings"),
    [
        (b"/a%2Fb", {"/a%2Fb", "/a/b"}),
        (b"/a%2fb", {"/a%2Fb", "/a/b"}),
        (b"/a;v=1", {"/a;v=1", "/a"}),
        (b"/a;v=1/b", {"/a;v=1/b", "/a/b", "/a"}),
        (b"/a;jsessionid=1/b;v", {"/a;jsessionid=1/b;v", "/a;jsessionid=1/b", "/a/b;v", "/a/b", "/a"}),
        (b"/a//b", {"/a//b", "/a/{}/b", "/a/b"}),
        (b"/a//", {"/a/", "/a/{}", "/a"}),
        (b"/a%2F", {"/a%2F", "/a"}),
        (b"/a%2F/b", {"/a%2F/b", "/a//b", "/a/{}/b", "/a/b"}),
        (b"/%70//b", {"/p//b", "/p/{}/b", "/p/b", "/%70//b", "/%70/{}/b", "/%70/b"}),
        (b"/caf%c3%a9%2Fb", {"/café%2Fb", "/café/b"}),
        (b"/a%2Fb;v%2Fc", {"/a%2Fb;v%2Fc", "/a/b;v/c", "/a/b/c", "/a%2Fb", "/a/b"}),
        (b"/;x", {"/;x", "/"}),
        (b"/100%25;x", {"/100%;x", "/100%"}),
    ],
)
def test_a_path_has_these_readings(raw: bytes, readings: set[str]) -> None:
    assert shown(raw) == readings


ROWS = [
    ("P02", b"/public;x/../protected", Oddity.DOT_SEGMENT),
    ("P02", b"/public//..//protected", Oddity.DOT_SEGMENT),
    ("P02", b"/public//%2e%2e//protected", Oddity.DOT_SEGMENT),
    ("P02", b"/public//%252e%252e", Oddity.DOUBLE_ENCODED),
    ("P04", b"/public%2f..%2fprotected", Oddity.DOT_SEGMENT),
    ("P04", b"/public%2F.%2Fprotected", Oddity.DOT_SEGMENT),
    ("P04", b"/a%2Fb%2F..", Oddity.DOT_SEGMENT),
    ("P04", b"/public%5c..%5Cprotected", Oddity.ENCODED_SEPARATOR),
    ("P04", b"/a%2Fb%5Cc", Oddity.ENCODED_SEPARATOR),
    ("P04", b"/public%252fprotected", Oddity.DOUBLE_ENCODED),
    ("P17", b"/protected%20;v=1", Oddity.PADDED_SEGMENT),
    ("P17", b"/public/%20..%2Fprotected", Oddity.PADDED_SEGMENT),
    ("P06", b"//protected", Oddity.EMPTY_SEGMENT),
    ("P06", b"///protected", Oddity.EMPTY_SEGMENT),
    ("P06", b"//", Oddity.EMPTY_SEGMENT),
    ("P06", b"/%2Fprotected", Oddity.EMPTY_SEGMENT),
    ("P06", b"/;x/protected", Oddity.EMPTY_SEGMENT),
    ("P08", b"/public/..;/protected", Oddity.DOT_SEGMENT),
    ("P08", b"/public/.;x=y/protected", Oddity.DOT_SEGMENT),
    ("P08", b"/public/..;jsessionid=1/protected", Oddity.DOT_SEGMENT),
    ("P08", b"/public;%2F..%2Fprotected", Oddity.DOT_SEGMENT),
    ("P08", b"/public/..%3B/protected", Oddity.ENCODED_SEPARATOR),
    ("P09", b"/a//b#x", Oddity.FRAGMENT),
    ("P10", b"/a//b?x", Oddity.RAW_BYTE),
    ("P10", b"/a//b%3f", Oddity.ENCODED_SEPARATOR),
    ("P11", b"http://other.test//protected", Oddity.NOT_ORIGIN_FORM),
    ("P14", b"/a//protected%0a", Oddity.CONTROL),
    ("P15", b"/a//protected%00", Oddity.CONTROL),
    ("P15", b"/a%2Fprotected%zz", Oddity.BROKEN_ESCAPE),
    ("P15", b"/a//%c0%afprotected", Oddity.NOT_UTF8),
    ("P15", b"/a%C3%2F%A9", Oddity.NOT_UTF8),
    ("P08", b"/public\\..\\protected;", Oddity.BACKSLASH),
    ("bound", b"/a" + b";v" * 25, Oddity.TOO_ODD),
    ("bound", b"/a" + b"%2Fb" * 25, Oddity.TOO_ODD),
    ("bound", b"/a//" + b"b" * 2048, Oddity.TOO_ODD),
    ("bound", b"/a;b%2F;c//%2F/d;jsessionid=/;e/f;%2F;/;g/;/;jsessionid=/%2F;;/;%2F/", Oddity.TOO_ODD),
]


@pytest.mark.parametrize(("row", "raw", "oddity"), ROWS)
def test_what_leads_elsewhere_in_any_reading_is_refused(row: str, raw: bytes, oddity: Oddity) -> None:
    assert odd_path(raw) is oddity, row


def test_a_usual_name_with_several_of_one_kind_is_read() -> None:
    assert shown(b"/files/a%2Fb%2Fc%2Fd%2Fe%2Ff%2Fg.txt") == {
        "/files/a%2Fb%2Fc%2Fd%2Fe%2Ff%2Fg.txt",
        "/files/a/b/c/d/e/f/g.txt",
    }


@pytest.mark.parametrize("marks", list(permutations(["%2F", ";v=1", "//"])))
def test_one_of_each_kind_is_read(marks: tuple[str, ...]) -> None:
    assert len(shown(f"/a{marks[0]}b{marks[1]}c{marks[2]}d".encode())) > 3


def test_a_path_of_2048_characters_is_read_and_one_more_is_too_many() -> None:
    assert isinstance(odd_path(b"/" + b"a" * 2047), OddPath)
    assert odd_path(b"/" + b"a" * 2048) is Oddity.TOO_ODD


def test_a_path_with_24_marks_is_read_and_one_more_is_too_many() -> None:
    assert isinstance(odd_path(b"/a" + b"%2Fb" * 24), OddPath)
    assert odd_path(b"/a" + b"%2Fb" * 25) is Oddity.TOO_ODD


def test_a_path_that_leads_to_48_texts_is_read() -> None:
    assert isinstance(odd_path(b"/x/;pc%2fb//c;pa;b=1/b;q"), OddPath)
