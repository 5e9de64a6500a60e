import pytest

from mfa_gateway.doors.asgi import Message
from mfa_gateway.doors.websocket.subprotocols import FIELD, Offer, choosing, read_offer, without_own

NAMES = frozenset({"mfa.bearer"})


def offered(*values: str) -> list[tuple[bytes, bytes]]:
    return [(FIELD, value.encode("latin-1")) for value in values]


@pytest.mark.parametrize(
    ("values", "offer"),
    [
        ((), Offer()),
        (("chat, soap",), Offer(("chat", "soap"))),
        (("mfa.bearer.a.b.c",), Offer((), "a.b.c", "mfa.bearer.a.b.c")),
        (("mfa.bearer, mfa.bearer.t",), Offer((), "t", "mfa.bearer")),
        (("mfa.bearer.t", "mfa.bearer"), Offer((), "t", "mfa.bearer")),
        (("chat, mfa.bearer.t, soap",), Offer(("chat", "soap"), "t", None)),
        (("chat", "mfa.bearer", "mfa.bearer.t"), Offer(("chat",), "t", "mfa.bearer")),
        (("mfa.bearer, chat",), Offer(("chat",), None, "mfa.bearer")),
        (("mfa.bearer.",), Offer((), "", "mfa.bearer.")),
        (("mfa.bearerX, xmfa.bearer.t",), Offer(("mfa.bearerX", "xmfa.bearer.t"))),
    ],
)
def test_what_is_ours_is_told_apart(values: tuple[str, ...], offer: Offer) -> None:
    assert read_offer(offered(*values), NAMES) == offer


@pytest.mark.parametrize("values", [("mfa.bearer.a, mfa.bearer.b",), ("mfa.bearer.a", "chat", "mfa.bearer.a")])
def test_two_tokens_are_refused(values: tuple[str, ...]) -> None:
    assert read_offer(offered(*values), NAMES) is None


@pytest.mark.parametrize("value", ["a b", "a/b", 'a"', "chat;q=1", "ü"])
def test_what_is_no_sub_protocol_is_refused(value: str) -> None:
    assert read_offer(offered("chat", value), NAMES) is None


def test_the_longest_name_counts() -> None:
    offer = read_offer(offered("mfa.bearer.t"), frozenset({"mfa", "mfa.bearer"}))

    assert offer is not None
    assert offer.token == "t"


def test_without_names_nothing_is_ours() -> None:
    assert read_offer(offered("mfa.bearer.t"), frozenset()) == Offer(("mfa.bearer.t",))


def test_a_token_is_not_in_what_is_shown_of_an_offer() -> None:
    assert "secret" not in repr(read_offer(offered("mfa.bearer.secret"), NAMES))


def test_the_token_goes_on_as_authorization_and_the_others_as_offers() -> None:
    headers = [(b"host", b"gw.test"), *offered("chat", "mfa.bearer.t, soap")]

    assert without_own(headers, Offer(("chat", "soap"), "t", None)) == [
        (b"host", b"gw.test"),
        (FIELD, b"chat, soap"),
        (b"authorization", b"Bearer t"),
    ]


def test_without_other_offers_the_field_is_gone() -> None:
    assert without_own(offered("mfa.bearer"), Offer((), None, "mfa.bearer")) == []


@pytest.mark.parametrize(
    ("answer", "chosen", "said"),
    [("mfa.bearer", None, "mfa.bearer"), ("mfa.bearer", "", "mfa.bearer"), ("mfa.bearer", "chat", "chat")],
)
async def test_the_client_is_answered_with_its_own_where_nothing_is_chosen(
    answer: str, chosen: str | None, said: str
) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    sending = choosing(send, Offer((), "t", answer))
    await sending({"type": "websocket.accept", "subprotocol": chosen})
    await sending({"type": "websocket.close"})

    assert sent == [{"type": "websocket.accept", "subprotocol": said}, {"type": "websocket.close"}]


async def test_where_nothing_is_ours_the_send_is_left_alone() -> None:
    async def send(_message: Message) -> None: ...

    assert choosing(send, Offer(("chat",))) is send
