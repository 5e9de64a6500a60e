import pytest

from mfa_gateway.doors.websocket.handshake import Handshake, accept_value, accepting, listed, read_handshake

# RFC 6455 section 1.3.
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
FIELDS = (
    (b"host", b"gw.test"),
    (b"upgrade", b"WebSocket"),
    (b"connection", b"keep-alive, Upgrade"),
    (b"sec-websocket-key", KEY),
    (b"sec-websocket-version", b"13"),
)


def test_the_example_of_the_rfc_is_a_handshake() -> None:
    offers = ((b"sec-websocket-protocol", b"chat, superchat"), (b"sec-websocket-protocol", b" ,third"))

    assert read_handshake(b"GET", "1.1", FIELDS + offers) == Handshake(KEY, ("chat", "superchat", "third"))


def test_the_answer_to_the_key_is_that_of_the_rfc() -> None:
    assert accept_value(KEY) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_connection_may_come_in_two_fields() -> None:
    fields = [(name, value) for name, value in FIELDS if name != b"connection"]
    fields += [(b"connection", b"keep-alive"), (b"connection", b"upgrade")]

    assert read_handshake(b"GET", "1.1", fields) is not None


@pytest.mark.parametrize(("method", "version"), [(b"get", "1.1"), (b"POST", "1.1"), (b"GET", "1.0"), (b"GET", "2")])
def test_only_a_get_of_http_1_1_is_a_handshake(method: bytes, version: str) -> None:
    assert read_handshake(method, version, FIELDS) is None


@pytest.mark.parametrize("name", [b"upgrade", b"connection", b"sec-websocket-key", b"sec-websocket-version"])
def test_each_field_is_needed(name: bytes) -> None:
    assert read_handshake(b"GET", "1.1", [field for field in FIELDS if field[0] != name]) is None


@pytest.mark.parametrize("name", [b"upgrade", b"sec-websocket-key", b"sec-websocket-version"])
def test_each_field_is_there_once(name: bytes) -> None:
    assert read_handshake(b"GET", "1.1", [*FIELDS, *(field for field in FIELDS if field[0] == name)]) is None


def test_a_list_may_be_empty_in_places() -> None:
    assert listed((b"a,, b", b"", b" c\t")) == [b"a", b"b", b"c"]


def test_the_accepting_head_says_what_was_chosen_and_nothing_of_the_handshake_twice() -> None:
    headers = [(b"X-App", b"1"), (b"Connection", b"close"), (b"Sec-WebSocket-Protocol", b"other"), (b"upgrade", b"h2c")]

    head = accepting(Handshake(KEY, ("chat",)), "chat", headers)

    assert head == (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nx-app: 1\r\nsec-websocket-protocol: chat\r\n\r\n"
    )


@pytest.mark.parametrize("field", [(b"x\r\ny", b"1"), (b"x", b"1\n2"), (b"x", b"\0")])
def test_a_line_end_in_a_field_is_an_error(field: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="line end"):
        accepting(Handshake(KEY, ()), None, [field])


def test_a_line_end_in_the_chosen_sub_protocol_is_an_error() -> None:
    with pytest.raises(ValueError, match="line end"):
        accepting(Handshake(KEY, ()), "a\r\nb", [])
