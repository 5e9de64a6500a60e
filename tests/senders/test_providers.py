"""The wire forms of the providers, as a server sees them that knows nothing of this program.

What both have in common with the webhook (deadlines, second tries, redirects) is tried in test_webhook.
"""

import json
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.fault import DeliveryFailed
from mfa_gateway.core.message import CodeMessage
from mfa_gateway.core.proof import Purpose
from mfa_gateway.engine.ports import Sender
from mfa_gateway.senders.posting import MAX_ANSWER
from mfa_gateway.senders.texts import Texts
from mfa_gateway.senders.twilio import TwilioSender, TwilioTerms
from mfa_gateway.senders.vonage import VonageSender, VonageTerms
from tests.senders.conftest import EVENT_DEADLINE
from tests.senders.webhooks import Post, Service, hang_up, replies, stall

CODE, NUMBER = "048213", "+491701234567"
SID, TOKEN = "AC0123456789abcdef0123456789abcdef", "the:token/of+twilio"
KEY, SECRET = "abcd1234", "the&secret=of vonage"
QUEUED = json.dumps({"sid": "SM1", "status": "queued", "error_code": None}).encode()
ACCEPTED = {"message-count": "1", "messages": [{"to": "491701234567", "message-id": "0C", "status": "0"}]}

Make = Callable[..., Sender]


def message(**changes: Any) -> CodeMessage:
    said = {"address": NUMBER, "code": CODE, "purpose": Purpose.GATE, "life_ms": 600_000}
    return CodeMessage(Factor.SMS, **{**said, **changes})


async def at_once(_: float) -> None:
    pass


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    running = Service()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def twilio(service: Service) -> AsyncIterator[Make]:
    opened: list[TwilioSender] = []

    def make(*, service_name: str = "Example Shop", timeout: float = EVENT_DEADLINE, **terms: Any) -> TwilioSender:
        base = f"http://127.0.0.1:{service.port}"
        origin = terms or {"sender": "ExampleShop"}
        asked = TwilioTerms(account_sid=SID, auth_token=TOKEN, base_url=base, timeout=timeout, **origin)
        opened.append(TwilioSender(asked, texts=Texts(service_name), wait=at_once))
        return opened[-1]

    service.answer = replies("201 Created", "Content-Type: application/json", body=QUEUED)
    yield make
    for sender in opened:
        await sender.close()


@pytest.fixture
async def vonage(service: Service) -> AsyncIterator[Make]:
    opened: list[VonageSender] = []

    def make(*, service_name: str = "Example Shop", timeout: float = EVENT_DEADLINE) -> VonageSender:
        base = f"http://127.0.0.1:{service.port}"
        asked = VonageTerms(api_key=KEY, api_secret=SECRET, sender="ExampleShop", base_url=base, timeout=timeout)
        opened.append(VonageSender(asked, texts=Texts(service_name), wait=at_once))
        return opened[-1]

    service.answer = replies("200 OK", "Content-Type: application/json", body=json.dumps(ACCEPTED).encode())
    yield make
    for sender in opened:
        await sender.close()


def form(post: Post) -> dict[str, str]:
    """A form, every field of which is there once."""
    assert post.fields["content-type"] == "application/x-www-form-urlencoded"
    pairs = parse_qsl(post.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


async def failure(sending: Sender) -> str:
    """Why a message could not be sent, after a look at whether the reason tells too much."""
    with pytest.raises(DeliveryFailed) as caught:
        await sending.send(message())
    text = str(caught.value)
    assert not any(secret in text for secret in (CODE, NUMBER, NUMBER[1:], TOKEN, SECRET))
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return text


# --- Twilio -----------------------------------------------------------------------------------


async def test_twilio_gets_a_form_under_basic(service: Service, twilio: Make) -> None:
    await twilio().send(message())
    [post] = service.posts
    assert post.line == f"POST /2010-04-01/Accounts/{SID}/Messages.json HTTP/1.1"
    scheme, _, login = post.fields["authorization"].partition(" ")
    assert (scheme, b64decode(login).decode()) == ("Basic", f"{SID}:{TOKEN}")
    assert form(post) == {
        "To": NUMBER,
        "From": "ExampleShop",
        "Body": "048213 is your code for Example Shop. It is good for 10 minutes. "
        "We will never ask you for it by phone or e-mail.",
        "ValidityPeriod": "600",
    }


async def test_a_messaging_service_takes_the_place_of_a_sender(service: Service, twilio: Make) -> None:
    await twilio(messaging_service_sid="MG01").send(message())
    sent = form(service.posts[0])
    assert sent["MessagingServiceSid"] == "MG01"
    assert "From" not in sent


async def test_the_plus_of_a_number_and_every_other_character_survive_the_form(service: Service, twilio: Make) -> None:
    await twilio(service_name="Müller & Söhne = 100 % 😀").send(message(languages=("de",)))
    body = service.posts[0].body
    assert b"To=%2B491701234567" in body
    assert b"M%C3%BCller" in body
    assert "für Müller & Söhne = 100 % 😀." in parse_qs(body.decode("ascii"))["Body"][0]


async def test_a_code_of_less_than_a_second_is_valid_for_one(service: Service, twilio: Make) -> None:
    await twilio().send(message(life_ms=20))
    assert form(service.posts[0])["ValidityPeriod"] == "1"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        ("400 Bad Request", {"code": 21211, "message": f"The 'To' number {NUMBER} is not valid"}, "(400, error 21211)"),
        ("401 Unauthorized", {"code": 20003, "message": "Authenticate"}, "(401, error 20003)"),
        ("429 Too Many Requests", {"code": 20429}, "(429, error 20429)"),
        ("500 Error", {"code": f"{NUMBER}"}, "(500)"),
        ("500 Error", {"code": True}, "(500)"),
        ("503 Busy", ["nothing"], "(503)"),
    ],
)
async def test_a_refusal_of_twilio_is_told_by_number_and_not_repeated(
    service: Service, twilio: Make, status: str, body: object, told: str
) -> None:
    service.answer = replies(status, body=json.dumps(body).encode())
    assert (await failure(twilio())).endswith(f"the message was refused {told}")
    assert service.connections == 1


async def test_a_refusal_without_json_is_told_by_status(service: Service, twilio: Make) -> None:
    service.answer = replies("502 Bad Gateway", body=f"<html>{CODE}</html>".encode())
    assert (await failure(twilio())).endswith("the message was refused (502)")


@pytest.mark.parametrize("origin", [{}, {"sender": "Shop", "messaging_service_sid": "MG01"}])
def test_twilio_needs_one_origin(origin: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="either a sender or a messaging service"):
        TwilioTerms(account_sid=SID, auth_token=TOKEN, **origin)  # type: ignore[arg-type]  # two of the names


# --- Vonage -----------------------------------------------------------------------------------


async def test_vonage_gets_a_form_with_its_credentials(service: Service, vonage: Make) -> None:
    await vonage().send(message())
    [post] = service.posts
    assert post.line == "POST /sms/json HTTP/1.1"
    assert "authorization" not in post.fields
    assert form(post) == {
        "api_key": KEY,
        "api_secret": SECRET,
        "from": "ExampleShop",
        "to": "491701234567",
        "text": "048213 is your code for Example Shop. It is good for 10 minutes. "
        "We will never ask you for it by phone or e-mail.",
        "type": "text",
    }


async def test_umlauts_are_of_the_alphabet_and_cost_no_more(service: Service, vonage: Make) -> None:
    await vonage(service_name="Müller").send(message(languages=("de",)))
    assert "für Müller" in form(service.posts[0])["text"]
    assert form(service.posts[0])["type"] == "text"


async def test_what_is_beyond_the_alphabet_is_announced_as_unicode(service: Service, vonage: Make) -> None:
    await vonage(service_name="Łódź 😀").send(message())
    assert "Łódź 😀" in form(service.posts[0])["text"]
    assert form(service.posts[0])["type"] == "unicode"


def statuses(*several: object) -> bytes:
    return json.dumps(
        {"messages": [{"status": status, "error-text": f"{NUMBER} {CODE}"} for status in several]}
    ).encode()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (statuses("4"), "(status 4: check api_key and api_secret)"),
        (statuses("1"), "(status 1: too many messages at a time)"),
        (statuses("99"), "(status 99)"),
        (statuses("0", "9"), "(status 9: the account has no credit left)"),
        (statuses(CODE), "(status unknown)"),
        (statuses(0), "(status unknown)"),
        (statuses(None), "(status unknown)"),
        (statuses("\u0660"), "(status unknown)"),
        (b'{"messages": ["0"]}', "(status unknown)"),
        (b'{"messages": []}', "(status unknown)"),
        (b'{"messages": {"status": "0"}}', "(status unknown)"),
        (b'{"message-count": "0"}', "(status unknown)"),
        (b"[]", "(status unknown)"),
        (b"", "(status unknown)"),
        (b"\xff\xfe", "(status unknown)"),
        (b"<html>0</html>", "(status unknown)"),
    ],
)
async def test_a_200_counts_only_if_every_part_was_accepted(
    service: Service, vonage: Make, body: bytes, told: str
) -> None:
    service.answer = replies("200 OK", "Content-Length: 0" if not body else "X-Body: some", body=body)
    assert (await failure(vonage())).endswith(f"the message was refused {told}")
    assert service.connections == 1


async def test_a_message_of_two_parts_is_accepted_when_both_are(service: Service, vonage: Make) -> None:
    service.answer = replies("200 OK", body=statuses("0", "0"))
    await vonage().send(message())
    assert len(service.posts) == 1


async def test_a_refusal_of_vonage_by_status_is_one_too(service: Service, vonage: Make) -> None:
    service.answer = replies("401 Unauthorized", body=json.dumps(ACCEPTED).encode())
    assert (await failure(vonage())).endswith("the message was refused (401)")


# --- Both -------------------------------------------------------------------------------------


@pytest.fixture
async def both(twilio: Make, vonage: Make) -> dict[str, Make]:
    return {"twilio": twilio, "vonage": vonage}


@pytest.mark.parametrize("provider", ["twilio", "vonage"])
async def test_an_answer_without_end_is_not_read_for_ever(
    service: Service, both: dict[str, Make], provider: str
) -> None:
    service.answer = replies("200 OK", body=b" " * (MAX_ANSWER + 1))
    assert "the delivery failed (ValueError)" in await failure(both[provider]())


@pytest.mark.parametrize("provider", ["twilio", "vonage"])
async def test_a_provider_that_stalls_costs_no_more_than_the_deadline(
    service: Service, both: dict[str, Make], provider: str
) -> None:
    service.answer = stall
    assert "it did not take the message in time" in await failure(both[provider](timeout=0.2))
    assert service.connections == 1


@pytest.mark.parametrize("provider", ["twilio", "vonage"])
async def test_a_provider_that_dies_after_the_request_is_not_asked_again(
    service: Service, both: dict[str, Make], provider: str
) -> None:
    service.answer = hang_up
    assert "whether it has the message is unknown" in await failure(both[provider]())
    assert service.connections == 1


@pytest.mark.parametrize(
    "terms",
    [
        TwilioTerms(account_sid=SID, auth_token=TOKEN, sender="Shop"),
        VonageTerms(api_key=KEY, api_secret=SECRET, sender="Shop"),
    ],
    ids=["twilio", "vonage"],
)
def test_credentials_do_not_show_in_a_repr(terms: object) -> None:
    assert not any(secret in repr(terms) for secret in (TOKEN, SECRET))
