import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.jws import MAX_KEY_ID, Jws, read_jws


def part(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(header: object, payload: object = None, signature: bytes = b"signature") -> str:
    claims = {"sub": "anna"} if payload is None else payload
    return ".".join((part(json.dumps(header).encode()), part(json.dumps(claims).encode()), part(signature)))


def raw_token(header: bytes = b'{"alg":"HS256"}', payload: bytes = b'{"sub":"anna"}') -> str:
    return f"{part(header)}.{part(payload)}.{part(b'signature')}"


def test_a_plain_token_is_read() -> None:
    text = token({"alg": "HS256", "typ": "JWT", "kid": "k1"}, {"sub": "anna", "n": 1.5})
    jws = read_jws(text)
    assert isinstance(jws, Jws)
    assert (jws.algorithm, jws.key_id, jws.signature) == ("HS256", "k1", b"signature")
    assert jws.claims == {"sub": "anna", "n": 1.5}
    assert jws.signing_input.decode() == text.rpartition(".")[0]


def test_neither_claims_nor_signature_show_in_the_repr() -> None:
    jws = read_jws(token({"alg": "HS256"}))
    assert "anna" not in repr(jws)
    assert "signature=" not in repr(jws)


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_the_number_of_parts_is_exactly_three(count: int) -> None:
    assert read_jws(".".join(["e30"] * count)) is Flaw.NOT_COMPACT


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("spoil", ["{}=", "{}==", "{}!", " {}", "{}\n", "+{}", "/{}", "{}\u00e9"])
def test_a_part_that_does_not_encode_back_to_itself_is_refused(place: int, spoil: str) -> None:
    parts = raw_token().split(".")
    parts[place] = spoil.format(parts[place])
    assert read_jws(".".join(parts)) is Flaw.NOT_CANONICAL


def test_the_unused_bits_of_the_last_character_must_be_zero() -> None:
    header, payload, _ = raw_token().split(".")
    assert isinstance(read_jws(f"{header}.{payload}.QQ"), Jws)
    assert read_jws(f"{header}.{payload}.QR") is Flaw.NOT_CANONICAL


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"{}{}",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"a":"\xff"}',
        b"[" * 9000,
        b'{"a":' * 9000,
        b'{"a":' + b"9" * 9000 + b"}",
        b'{"sub":"anna","sub":"otto"}',
        b'{"sub":"anna","s\\u0075b":"otto"}',
        b'{"nested":{"a":1,"a":1}}',
    ],
)
def test_a_payload_that_is_not_one_object_with_one_reading_is_refused(payload: bytes) -> None:
    assert read_jws(raw_token(payload=payload)) is Flaw.BAD_JSON


def test_a_header_that_names_its_algorithm_twice_is_refused() -> None:
    assert read_jws(raw_token(header=b'{"alg":"HS256","alg":"none"}')) is Flaw.BAD_JSON


@pytest.mark.parametrize("algorithm", [None, 5, True, ["HS256"], {"a": 1}])
def test_an_algorithm_is_a_text(algorithm: object) -> None:
    assert read_jws(token({"alg": algorithm})) is Flaw.BAD_ALGORITHM


def test_a_header_without_an_algorithm_is_refused() -> None:
    assert read_jws(token({})) is Flaw.BAD_ALGORITHM


@pytest.mark.parametrize("member", ["crit", "b64", "enc", "zip"])
@pytest.mark.parametrize("value", [None, True, [], ["b64"], ["exp"]])
def test_extensions_are_refused_whatever_they_say(member: str, value: object) -> None:
    assert read_jws(token({"alg": "HS256", member: value})) is Flaw.CRITICAL


@pytest.mark.parametrize("member", ["jku", "jwk", "x5u", "x5c"])
def test_a_token_that_brings_its_own_key_is_refused(member: str) -> None:
    assert read_jws(token({"alg": "HS256", member: "http://169.254.169.254/"})) is Flaw.BRINGS_KEY


@pytest.mark.parametrize("key_id", [None, 1, True, [], {}, "k" * (MAX_KEY_ID + 1), "k" * 10_000])
def test_a_key_id_is_a_short_text(key_id: object) -> None:
    assert read_jws(token({"alg": "HS256", "kid": key_id})) is Flaw.BAD_KEY_ID


def test_a_key_id_of_256_characters_is_read() -> None:
    jws = read_jws(token({"alg": "HS256", "kid": "k" * MAX_KEY_ID}))
    assert isinstance(jws, Jws)


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt", "Application/JWT"])
def test_the_types_of_access_tokens_are_read_in_any_case(kind: str) -> None:
    assert isinstance(read_jws(token({"alg": "HS256", "typ": kind})), Jws)


@pytest.mark.parametrize("kind", ["logout+jwt", "secevent+jwt", "dpop+jwt", "JOSE", "", None, 1, ["JWT"]])
def test_tokens_made_for_another_purpose_are_refused(kind: object) -> None:
    assert read_jws(token({"alg": "HS256", "typ": kind})) is Flaw.OTHER_TYPE


@settings(deadline=None)
@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert isinstance(read_jws(text), Flaw)


@settings(deadline=None)
@given(st.tuples(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=20)))
def test_no_three_parts_break_the_reader(parts: tuple[bytes, bytes, bytes]) -> None:
    assert isinstance(read_jws(".".join(map(part, parts))), Flaw | Jws)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_HEADERS = st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "jku", "b64", "x"]), _JSON, max_size=5)


@settings(deadline=None)
@given(_HEADERS, st.dictionaries(st.text(max_size=5), _JSON, max_size=4))
def test_no_header_and_payload_break_the_reader(header: dict[str, object], payload: dict[str, object]) -> None:
    assert isinstance(read_jws(token(header, payload)), Flaw | Jws)
