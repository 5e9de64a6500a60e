"""The canonical path is tried as an attacker would: spellings, server readings, and the rows of known bypasses."""

import posixpath
import re
from pathlib import PurePosixPath
from unicodedata import category
from urllib.parse import unquote, unquote_to_bytes, urljoin, urlparse

import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.routing import compile_path

from mfa_gateway.core.call import (
    EMPTY_VALUE,
    Call,
    CanonicalPath,
    Oddity,
    OddPath,
    Reading,
    canonical_host,
    canonical_path,
    canonical_query,
)

UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

# Pieces that servers disagree about, among others that they agree about.
PIECES = [
    *("/", "/", "/", "a", "b", "Z", "9", ".", "..", "~", "-", "!", "$&'()*+,=:@", "|", '"', "<", "[", "^", "`", "{}"),
    *("%2e", "%2E", "%2f", "%2F", "%5c", "%3b", "%3B", "%3f", "%23", "%25", "%2525", "%252e", "%61", "%4A", "%7e"),
    *(
        "%21",
        "%20",
        "%0a",
        "%0d",
        "%00",
        "%7f",
        "%c3%a9",
        "%C3",
        "%a9",
        "%C2%85",
        "%e2%80%a8",
        "%ef%bc%8f",
        "%EF%BC%8E",
    ),
    *("%c0%af", "%ed%a0%80", "%ff", "%", "%z", "%2", "%u002e", ";", "\\", "?", "#", " ", "\t", "\x00", "\x7f", "\xe9"),
]

targets = st.lists(st.sampled_from(PIECES), max_size=8).map(lambda pieces: ("/" + "".join(pieces)).encode("latin-1"))
any_bytes = st.binary(max_size=24) | st.binary(max_size=24).map(lambda raw: b"/" + raw)
escaped_bytes = st.binary(max_size=8).map(lambda raw: b"/" + b"".join(b"%%%02x" % byte for byte in raw))
raws = targets | any_bytes | escaped_bytes

tried = settings(deadline=None, max_examples=300)


def accepted(raw: bytes) -> CanonicalPath:
    path = canonical_path(raw)
    assert isinstance(path, CanonicalPath), f"{raw!r} was refused: {path}"
    return path


# --- Properties -------------------------------------------------------------------------------


@tried
@given(raws)
def test_reading_the_wire_form_again_gives_the_same_path(raw: bytes) -> None:
    path = canonical_path(raw)
    if isinstance(path, CanonicalPath):
        assert canonical_path(path.wire) == path


@tried
@given(raws)
def test_the_wire_form_decodes_to_what_was_received(raw: bytes) -> None:
    path = canonical_path(raw)
    if isinstance(path, CanonicalPath):
        assert unquote_to_bytes(path.wire) == unquote_to_bytes(raw)


@tried
@given(raws)
def test_the_wire_form_holds_only_what_a_request_line_may_hold(raw: bytes) -> None:
    path = canonical_path(raw)
    if isinstance(path, CanonicalPath):
        assert re.fullmatch(rb"/(?:[A-Za-z0-9\-._~!$&'()*+,=:@/]|%[0-9A-F]{2})*", path.wire)


@tried
@given(raws)
def test_no_accepted_path_hides_anything_after_one_or_two_decodings(raw: bytes) -> None:
    path = canonical_path(raw)
    if isinstance(path, CanonicalPath):
        for segments in (path.segments, tuple(unquote(segment) for segment in path.segments)):
            assert not {"", ".", ".."} & set(segments)
            assert not any(char in "/\\;?" or category(char) == "Cc" for segment in segments for char in segment)


@tried
@given(raws)
def test_a_second_decoding_finds_nothing_left_to_decode(raw: bytes) -> None:
    path = canonical_path(raw)
    if isinstance(path, CanonicalPath):
        assert tuple(unquote(segment) for segment in path.segments) == path.segments


def _unescaped_positions(raw: bytes) -> list[int]:
    """Where a whole character stands: not the two digits of an escape, well-formed or broken."""
    return [at for at, byte in enumerate(raw) if chr(byte) in UNRESERVED and b"%" not in raw[max(at - 2, 0) : at]]


@tried
@given(raws, st.data())
def test_spelling_an_unreserved_character_as_an_escape_changes_nothing(raw: bytes, data: st.DataObject) -> None:
    positions = _unescaped_positions(raw)
    chosen = data.draw(st.sets(st.sampled_from(positions))) if positions else set()
    spell = data.draw(st.sampled_from([b"%%%02x", b"%%%02X"]))
    respelt = b"".join(spell % byte if at in chosen else bytes((byte,)) for at, byte in enumerate(raw))
    assert canonical_path(respelt) == canonical_path(raw)


@tried
@given(raws)
def test_the_case_of_an_escape_changes_nothing(raw: bytes) -> None:
    def in_upper_case(found: re.Match[bytes]) -> bytes:
        return found.group().upper()

    assert canonical_path(re.sub(rb"%[0-9A-Fa-f]{2}", in_upper_case, raw)) == canonical_path(raw)


@tried
@given(st.sampled_from("!$&'()*+,=:@#[]{}|^`\"<>é٣"), st.sampled_from(["/a{}", "/{}", "/{}/b", "/a{}b/"]))
def test_an_escaped_character_of_any_kind_is_plain_data_of_its_segment(char: str, shape: str) -> None:
    escaped = "".join(f"%{byte:02x}" for byte in char.encode())
    path = accepted(shape.format(escaped).encode("ascii"))
    assert path.segments == tuple(shape.format(char).strip("/").split("/"))


# --- How servers and routers read what is forwarded -------------------------------------------


@tried
@given(raws)
def test_asgi_servers_see_the_judged_segments(raw: bytes) -> None:
    path = canonical_path(raw)
    if isinstance(path, CanonicalPath):
        shown = unquote(path.wire.decode("ascii"))  # what uvicorn puts into scope["path"]
        assert shown.removesuffix("/") == "/" + "/".join(path.segments) if path.segments else shown == "/"


@tried
@given(raws)
def test_normalising_file_servers_see_the_judged_segments(raw: bytes) -> None:
    path = canonical_path(raw)
    if isinstance(path, CanonicalPath):
        shown = unquote(path.wire.decode("ascii"))
        assert posixpath.normpath(shown) == "/" + "/".join(path.segments)
        assert PurePosixPath(shown).parts[1:] == path.segments


@tried
@given(raws)
def test_servers_that_decode_before_they_normalise_see_the_judged_segments(raw: bytes) -> None:
    path = canonical_path(raw)
    if isinstance(path, CanonicalPath):
        twice = unquote(unquote(path.wire.decode("ascii"))).replace("\\", "/")
        assert posixpath.normpath(twice) == "/" + "/".join(path.segments)


@tried
@given(raws)
def test_url_parsers_find_a_path_and_nothing_else(raw: bytes) -> None:
    path = canonical_path(raw)
    if isinstance(path, CanonicalPath):
        url = urlparse(path.wire)
        assert (url.scheme, url.netloc, url.params, url.query, url.fragment) == (b"", b"", b"", b"", b"")
        assert url.path == path.wire == httptools.parse_url(path.wire).path


@tried
@given(raws)
def test_joining_the_path_to_an_origin_keeps_both(raw: bytes) -> None:
    path = canonical_path(raw)
    if isinstance(path, CanonicalPath):
        assert urljoin("http://up.test/", str(path)) == f"http://up.test{path}"


@tried
@given(raws)
def test_starlette_routes_by_the_judged_segments(raw: bytes) -> None:
    path = canonical_path(raw)
    if isinstance(path, CanonicalPath) and path.segments:
        pattern, _, _ = compile_path("/" + "/".join(f"{{p{at}}}" for at in range(len(path.segments))))
        found = pattern.match(unquote(path.wire.decode("ascii")).removesuffix("/"))
        assert found is not None
        assert tuple(found.groupdict().values()) == path.segments


# --- What is accepted -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "segments", "wire"),
    [
        (b"/", (), b"/"),
        (b"/a", ("a",), b"/a"),
        (b"/a/", ("a",), b"/a/"),
        (b"/a/b.c/~d", ("a", "b.c", "~d"), b"/a/b.c/~d"),
        (b"/.well-known/x", (".well-known", "x"), b"/.well-known/x"),
        (b"/...", ("...",), b"/..."),
        (b"/a%2Db", ("a-b",), b"/a-b"),
        (b"/caf%c3%a9", ("café",), b"/caf%C3%A9"),
        (b"/a%20b", ("a b",), b"/a%20b"),
        (b"/100%25", ("100%",), b"/100%25"),
        (b"/a|b", ("a|b",), b"/a%7Cb"),
        (b"/[x]", ("[x]",), b"/%5Bx%5D"),
        (b"/a%21!", ("a!!",), b"/a%21!"),
        (b"/%7Ejo", ("~jo",), b"/~jo"),
        (b"/%41/", ("A",), b"/A/"),
    ],
)
def test_an_ordinary_path_has_one_reading(raw: bytes, segments: tuple[str, ...], wire: bytes) -> None:
    assert canonical_path(raw) == CanonicalPath(wire, segments)


def test_a_path_prints_as_its_wire_form() -> None:
    assert str(accepted(b"/caf%c3%a9/")) == "/caf%C3%A9/"


def test_a_long_path_is_read_in_one_pass() -> None:
    assert len(accepted(b"/a%62" * 4000).segments) == 4000


# --- Known bypasses, by the names of the attack corpus ----------------------------------------

ROWS = [
    ("P01", b"/%70rotected", ("protected",)),
    ("P01", b"/pro%74ected/x", ("protected", "x")),
    ("P02", b"/public/../protected", Oddity.DOT_SEGMENT),
    ("P02", b"/public/./../protected", Oddity.DOT_SEGMENT),
    ("P02", b"/public/%2e%2e/protected", Oddity.DOT_SEGMENT),
    ("P02", b"/public/.%2E/protected", Oddity.DOT_SEGMENT),
    ("P02", b"/public/%252e%252e/protected", Oddity.DOUBLE_ENCODED),
    ("P02", b"/public/%25%32%65%25%32%65/protected", Oddity.DOUBLE_ENCODED),
    ("P03", b"/public%2e%2e/protected", ("public..", "protected")),
    ("P03", b"/public../protected", ("public..", "protected")),
    ("P03", b"/api%2e/protected", ("api.", "protected")),
    ("P04", b"/protected%2fx", Oddity.ENCODED_SEPARATOR),
    ("P04", b"/public%2F..%2fprotected", Oddity.ENCODED_SEPARATOR),
    ("P04", b"/public%5c..%5Cprotected", Oddity.ENCODED_SEPARATOR),
    ("P04", b"/public%252fprotected", Oddity.DOUBLE_ENCODED),
    ("P04", b"/public%25%32%66protected", Oddity.DOUBLE_ENCODED),
    ("P06", b"//protected", Oddity.EMPTY_SEGMENT),
    ("P06", b"///protected", Oddity.EMPTY_SEGMENT),
    ("P06", b"/public//..//protected", Oddity.EMPTY_SEGMENT),
    ("P06", b"/protected//", Oddity.EMPTY_SEGMENT),
    ("P06", b"//", Oddity.EMPTY_SEGMENT),
    ("P07", b"/publicX", ("publicX",)),
    ("P07", b"/public..", ("public..",)),
    ("P08", b"/protected;v=1", Oddity.PARAMETERS),
    ("P08", b"/public/..;/protected", Oddity.PARAMETERS),
    ("P08", b"/protected/;x/y", Oddity.PARAMETERS),
    ("P08", b"/public/..%3B/protected", Oddity.ENCODED_SEPARATOR),
    ("P08", b"/public/%2e%2e%3b/protected", Oddity.ENCODED_SEPARATOR),
    ("P08", b"/protected%253bv=1", Oddity.DOUBLE_ENCODED),
    ("P09", b"/protected#x", Oddity.FRAGMENT),
    ("P09", b"/public#/../protected", Oddity.FRAGMENT),
    ("P09", b"/protected%23x", ("protected#x",)),
    ("P10", b"/protected?/public", Oddity.RAW_BYTE),
    ("P10", b"/protected%3f/public", Oddity.ENCODED_SEPARATOR),
    ("P11", b"http://other.test/protected", Oddity.NOT_ORIGIN_FORM),
    ("P11", b"HTTP://u@h:9/protected", Oddity.NOT_ORIGIN_FORM),
    ("P11", b"protected", Oddity.NOT_ORIGIN_FORM),
    ("P11", b"*", Oddity.NOT_ORIGIN_FORM),
    ("P11", b"", Oddity.NOT_ORIGIN_FORM),
    ("P14", b"/protected%0a", Oddity.CONTROL),
    ("P14", b"/protected%0d", Oddity.CONTROL),
    ("P14", b"/public%0a/protected", Oddity.CONTROL),
    ("P14", b"/protected%C2%85", Oddity.CONTROL),
    ("P14", b"/protected%7f", Oddity.CONTROL),
    ("P15", b"/protected%00", Oddity.CONTROL),
    ("P15", b"/protected%zz", Oddity.BROKEN_ESCAPE),
    ("P15", b"/protected%", Oddity.BROKEN_ESCAPE),
    ("P15", b"/%u0070rotected", Oddity.BROKEN_ESCAPE),
    ("P15", b"/%c0%afprotected", Oddity.NOT_UTF8),
    ("P15", b"/%ed%a0%80", Oddity.NOT_UTF8),
    ("P15", b"/protected%ff", Oddity.NOT_UTF8),
    ("P15", b"/prot\xc3\xa9g\xc3\xa9", Oddity.RAW_BYTE),
    ("P15", b"/protected ", Oddity.RAW_BYTE),
    ("P15", b"/protected\x00", Oddity.RAW_BYTE),
    ("P17", b"/PROTECTED", ("PROTECTED",)),
    ("P17", b"/%50ROTECTED", ("PROTECTED",)),
    ("P17", b"/%EF%BD%90rotected", ("\uff50rotected",)),
    ("P17", b"/protected/", ("protected",)),
    ("P17", b"/protected/.", Oddity.DOT_SEGMENT),
    ("P17", b"/protected/%2e", Oddity.DOT_SEGMENT),
    ("P17", b"/protected%20", Oddity.PADDED_SEGMENT),
    ("P17", b"/%20protected/x", Oddity.PADDED_SEGMENT),
    ("P17", b"/public/%E2%80%83", Oddity.PADDED_SEGMENT),
    ("P17", b"/protected/a%20b", ("protected", "a b")),
    ("P21", b"/api//protected", Oddity.EMPTY_SEGMENT),
    ("H10", b"/public/%0d%0aX-MFA-User:%20b", Oddity.CONTROL),
    ("H10", b"/public/\r\nX-MFA-User: b", Oddity.RAW_BYTE),
    ("H10", b"/public/%250d%250aX-MFA-User:b", Oddity.DOUBLE_ENCODED),
    ("P08", b"/public\\..\\protected", Oddity.BACKSLASH),
]


@pytest.mark.parametrize(("row", "raw", "outcome"), ROWS)
def test_a_known_bypass_is_refused_or_read_as_one_path(row: str, raw: bytes, outcome: Oddity | tuple[str, ...]) -> None:
    path = canonical_path(raw)
    assert (path.segments if isinstance(path, CanonicalPath) else path) == outcome, row


def test_every_way_to_be_odd_has_a_row() -> None:
    met = {outcome for _, _, outcome in ROWS if isinstance(outcome, Oddity)}
    # How many readings are too many is tried in test_readings.
    assert met == set(Oddity) - {Oddity.MALFORMED_HOST, Oddity.MALFORMED_QUERY, Oddity.TOO_ODD}


# --- Queries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"", b"x=/public", b"a=b&c=%zz;d", b"?", b"a=%0d%0a", b"x[]={y}|\\"])
def test_a_query_is_taken_as_it_is(raw: bytes) -> None:
    assert canonical_query(raw) == raw


@pytest.mark.parametrize("raw", [b"a b", b"a#b", b"a\r\nX: y", b"a\x00", b"a\xc3\xa9", b"a\x7f", b"a\n"])
def test_a_query_that_could_end_early_is_refused(raw: bytes) -> None:
    assert canonical_query(raw) is Oddity.MALFORMED_QUERY


# --- Hosts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "host"),
    [
        (b"gw.test", "gw.test"),
        (b"GW.Test", "gw.test"),
        (b"gw.test.", "gw.test"),
        (b"gw.test:80", "gw.test"),
        (b"gw.test:", "gw.test"),
        (b"A.GW.TEST.:8443", "a.gw.test"),
        (b"x_y-z.test", "x_y-z.test"),
        (b"127.0.0.1:9000", "127.0.0.1"),
        (b"[::1]", "[::1]"),
        (b"[2001:DB8::A]:443", "[2001:db8::a]"),
        (b"[::ffff:10.0.0.1]", "[::ffff:10.0.0.1]"),
        (b"a", "a"),
    ],
)
def test_a_host_is_read_without_case_port_and_final_dot(raw: bytes, host: str) -> None:
    assert canonical_host(raw) == host


@pytest.mark.parametrize(
    "raw",
    [
        *(
            b"",
            b".",
            b"..",
            b"gw.test..",
            b".gw.test",
            b"gw test",
            b"gw.test\n",
            b"gw.test:80:80",
            b"gw.test:8o",
            b":80",
        ),
        *(b"gw.test:123456", b"u@gw.test", b"gw.test,b.test", b"gw%2etest", b"m\xc3\xbcnchen.test", b"-gw.test"),
        *(b"::1", b"[::1", b"::1]", b"[::1%25eth0]", b"[gw.test]", b"[]", b"[::1]x", b"\x00", b"gw.test\x00"),
        *(b"gw/public?z=", b"gw/public#", b"gw\\public", b"http://gw.test"),
    ],
)
def test_a_host_that_is_none_is_refused(raw: bytes) -> None:
    assert canonical_host(raw) is Oddity.MALFORMED_HOST


@tried
@given(st.text("aB0.-_[]:%/ @\\\n", max_size=12).map(str.encode) | st.binary(max_size=12))
@example(b"a.:1")
def test_reading_a_host_again_gives_the_same_host(raw: bytes) -> None:
    host = canonical_host(raw)
    if isinstance(host, str):
        assert canonical_host(host.encode("ascii")) == host
        assert host == host.lower()


# --- Odd paths --------------------------------------------------------------------------------


def test_a_reading_prints_as_people_read_it() -> None:
    assert str(Reading(("a/b", "", EMPTY_VALUE, "é;v=1"))) == "/a%2Fb//{}/é;v=1"
    assert str(Reading(())) == "/"


def test_an_odd_path_prints_as_it_came() -> None:
    assert str(OddPath(b"/a%2fb", (Reading(("a/b",)), Reading(("a", "b"))))) == "/a%2fb"


# --- Calls ------------------------------------------------------------------------------------


def test_a_call_does_not_show_secrets() -> None:
    call = Call(
        "GET",
        accepted(b"/p"),
        query=b"token=hidden",
        authorization="Bearer hidden",
        code="hidden",
        headers=((b"x-mfa-code", b"hidden"),),
    )
    assert "hidden" not in repr(call)
