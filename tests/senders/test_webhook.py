import asyncio
import hashlib
import hmac
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.fault import DeliveryFailed
from mfa_gateway.core.message import CodeMessage, Happening, NoticeMessage
from mfa_gateway.core.proof import Purpose
from mfa_gateway.core.signature import MIN_SIGNING_SECRET, signature
from mfa_gateway.engine.ports import Sender, Teller
from mfa_gateway.senders.posting import RETRY_PAUSE, told
from mfa_gateway.senders.texts import Texts
from mfa_gateway.senders.webhook import WebhookSender, WebhookTerms
from tests.senders.conftest import EVENT_DEADLINE, Certificates
from tests.senders.webhooks import Post, Service, hang_up, replies, stall

CODE = "048213"
ADDRESS = "anna.meier@example.test"
SECRET = b"0123456789abcdef0123456789abcdef"
NOW = 1_800_000_000.7
TEXTS = Texts("Example Shop")

Open = Callable[..., WebhookSender]


def message(**changes: Any) -> CodeMessage:
    said = {"factor": Factor.EMAIL, "address": ADDRESS, "code": CODE, "purpose": Purpose.GATE, "life_ms": 600_000}
    return CodeMessage(**{**said, **changes})


async def at_once(_: float) -> None:
    pass


async def for_ever(_: float) -> None:
    await asyncio.Event().wait()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    running = Service()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def open_sender() -> AsyncIterator[Open]:
    opened: list[WebhookSender] = []

    def opening(url: str, *, timeout: float = EVENT_DEADLINE, **how: Any) -> WebhookSender:
        terms = WebhookTerms(url, SECRET, timeout)
        opened.append(WebhookSender(terms, texts=TEXTS, clock=lambda: NOW, **{"wait": at_once, **how}))
        return opened[-1]

    yield opening
    for sender in opened:
        await sender.close()


async def failure(sending: Sender) -> str:
    """Why a message could not be sent, after a look at whether the reason tells too much."""
    with pytest.raises(DeliveryFailed) as caught:
        await sending.send(message())
    text = str(caught.value)
    assert text.startswith("webhook http")
    assert not any(secret in text for secret in (CODE, ADDRESS, "anna", "key=", SECRET.decode()))
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return text


def is_signed(post: Post) -> bool:
    """What a receiver does, written as the specification has it."""
    signed = b".".join((post.fields["webhook-id"].encode(), post.fields["webhook-timestamp"].encode(), post.body))
    version, _, value = post.fields["webhook-signature"].partition(",")
    return version == "v1" and b64decode(value) == hmac.new(SECRET, signed, hashlib.sha256).digest()


# --- Delivery ---------------------------------------------------------------------------------


async def test_a_code_is_posted_as_json(service: Service, open_sender: Open) -> None:
    sender: Sender = open_sender(service.url)
    await sender.send(message())
    [post] = service.posts
    assert post.line == "POST /codes?key=of-its-own HTTP/1.1"
    assert post.fields["content-type"] == "application/json"
    text = post.document.pop("text")
    assert f"\n    {CODE}\n" in text
    assert {**post.document, "text": ...} == {
        "id": post.fields["webhook-id"],
        "channel": "email",
        "to": ADDRESS,
        "code": CODE,
        "purpose": "gate",
        "expires_in": 600,
        "language": "en",
        "subject": "Your code for Example Shop",
        "text": ...,
    }


async def test_a_notice_is_posted_without_a_code(service: Service, open_sender: Open) -> None:
    sender: Teller = open_sender(service.url)
    await sender.tell(NoticeMessage(ADDRESS, Happening.ADDED, Factor.TOTP, ("de",)))
    [post] = service.posts
    assert is_signed(post)
    assert "eine Authenticator-App" in post.document["text"]
    assert {**post.document, "text": ...} == {
        "id": post.fields["webhook-id"],
        "channel": "email",
        "to": ADDRESS,
        "purpose": "notice",
        "language": "de",
        "subject": "Ein zweiter Schritt bei Example Shop ist dazugekommen",
        "text": ...,
    }


async def test_a_push_holds_what_the_app_gets_and_no_code(service: Service, open_sender: Open) -> None:
    await open_sender(service.url).send(
        message(factor=Factor.PUSH, address="android:dGVs:ZXBob25l", code="gate.token", assertion="a.b.c")
    )
    [post] = service.posts
    assert is_signed(post)
    pushed = post.document["push"]
    assert post.document == {
        "id": post.fields["webhook-id"],
        "channel": "push",
        "to": "dGVs:ZXBob25l",
        "platform": "android",
        "purpose": "gate",
        "expires_in": 600,
        "language": "en",
        "push": pushed,
    }
    assert pushed == {
        "mode": "verify",
        "title": "Is that you at Example Shop?",
        "body": pushed["body"],
        "gigyaAssertion": "a.b.c",
        "verificationToken": "gate.token",
    }
    assert "token" not in pushed["body"]


async def test_a_first_push_is_one_to_opt_in(service: Service, open_sender: Open) -> None:
    first = message(factor=Factor.PUSH, address="ios:token", purpose=Purpose.ACTIVATE, languages=("de",))
    await open_sender(service.url).send(first)
    document = service.posts[0].document
    assert (document["platform"], document["purpose"], document["push"]["mode"]) == ("ios", "activate", "optin")
    assert document["push"]["title"] == "Ihr Telefon als zweiter Schritt bei Example Shop"


async def test_a_short_message_has_no_subject(service: Service, open_sender: Open) -> None:
    await open_sender(service.url).send(
        CodeMessage(Factor.SMS, "+491701234567", CODE, Purpose.ACTIVATE, 600_000, ("de",))
    )
    document = service.posts[0].document
    assert is_signed(service.posts[0])
    assert (document["channel"], document["to"], document["purpose"]) == ("sms", "+491701234567", "activate")
    assert document["text"].startswith(f"{CODE} ist Ihr Code")
    assert "subject" not in document


async def test_the_receiver_can_check_who_posted_it_and_when(service: Service, open_sender: Open) -> None:
    await open_sender(service.url).send(message())
    [post] = service.posts
    assert is_signed(post)
    assert post.fields["webhook-timestamp"] == "1800000000"
    assert not is_signed(Post(post.line, post.fields, post.body.replace(b"048213", b"048214")))


def test_the_signature_is_that_of_the_published_example() -> None:
    # The example that the libraries of Standard Webhooks are tested with.
    key = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    unique, sent, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'
    assert signature(key, unique=unique, sent=sent, content=body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_every_message_has_an_id_of_its_own(service: Service, open_sender: Open) -> None:
    sender = open_sender(service.url)
    await sender.send(message())
    await sender.send(message())
    first, second = (post.fields["webhook-id"] for post in service.posts)
    assert first != second
    assert len(first) == len(second) == 32


async def test_a_message_is_written_in_the_language_of_its_reader(service: Service, open_sender: Open) -> None:
    await open_sender(service.url).send(message(languages=("fr", "de-AT"), purpose=Purpose.ACTIVATE))
    document = service.posts[0].document
    assert (document["language"], document["purpose"]) == ("de", "activate")
    assert "f\u00fcr" in document["subject"]


async def test_a_life_of_less_than_a_second_is_told_as_one(service: Service, open_sender: Open) -> None:
    await open_sender(service.url).send(message(life_ms=20))
    assert service.posts[0].document["expires_in"] == 1


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "204 No Content", "299 Fine"])
async def test_every_2xx_means_accepted(service: Service, open_sender: Open, status: str) -> None:
    service.answer = replies(status)
    await open_sender(service.url).send(message())
    assert len(service.posts) == 1


async def test_an_early_hint_is_no_answer(service: Service, open_sender: Open) -> None:
    async def hinting(writer: asyncio.StreamWriter) -> None:
        await replies("103 Early Hints")(writer)
        await replies("500 Internal Server Error", "Content-Length: 0")(writer)

    service.answer = hinting
    assert "refused (500)" in await failure(open_sender(service.url))


async def test_many_codes_travel_side_by_side(service: Service, open_sender: Open) -> None:
    sender = open_sender(service.url)
    await asyncio.gather(*(sender.send(message(address=f"reader{number}@example.test")) for number in range(20)))
    assert len({post.document["to"] for post in service.posts}) == 20


async def test_no_connection_is_kept_for_the_next_message(service: Service, open_sender: Open) -> None:
    sender = open_sender(service.url)
    await sender.send(message())
    await sender.send(message())
    assert service.connections == 2
    assert service.posts[0].fields["connection"] == "close"


async def test_an_accepted_message_stays_accepted_though_the_body_never_ends(
    service: Service, open_sender: Open
) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        await replies("200 OK", "Transfer-Encoding: chunked")(writer)
        while True:
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await writer.drain()

    service.answer = endless
    async with asyncio.timeout(EVENT_DEADLINE):
        await open_sender(service.url, timeout=60.0).send(message())
        await service.gone.wait()


async def test_a_service_behind_tls(open_sender: Open, certificates: Certificates) -> None:
    service = Service()
    await service.start(certificates.server())
    await open_sender(service.url, tls=certificates.client).send(message())
    assert is_signed(service.posts[0])
    await service.stop()


# --- Refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "401 Unauthorized", "429 Too Many Requests", "500 Internal Server Error", "503 Busy"]
)
async def test_a_refusal_is_told_by_number_and_not_repeated(service: Service, open_sender: Open, status: str) -> None:
    service.answer = replies(status, body=f"no such address: {ADDRESS}".encode())
    assert f"the message was refused ({status[:3]})" in await failure(open_sender(service.url))
    assert service.connections == 1


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_redirects_are_not_followed(service: Service, open_sender: Open, status: str) -> None:
    service.answer = replies(status, f"Location: http://127.0.0.1:{service.port}/elsewhere", "Content-Length: 0")
    assert f"refused ({status[:3]})" in await failure(open_sender(service.url))
    assert service.connections == 1


async def test_proxies_of_the_environment_are_not_used(
    service: Service, open_sender: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    await open_sender(service.url).send(message())
    assert len(service.posts) == 1


async def test_a_certificate_that_does_not_check_is_a_failure(open_sender: Open, certificates: Certificates) -> None:
    service = Service()
    await service.start(certificates.server())
    assert "does its certificate check?" in await failure(open_sender(service.url))
    assert service.posts == []
    await service.stop()


# --- Services that are away, stall or die -----------------------------------------------------


async def test_a_service_that_is_not_there_is_a_failure(open_sender: Open, unused_tcp_port: int) -> None:
    assert "it could not be reached" in await failure(open_sender(f"http://127.0.0.1:{unused_tcp_port}/"))


async def test_where_no_connection_came_about_there_is_one_more_try(open_sender: Open, unused_tcp_port: int) -> None:
    service = Service()

    async def meanwhile(_: float) -> None:
        await service.start(port=unused_tcp_port)

    await open_sender(f"http://127.0.0.1:{unused_tcp_port}/codes", wait=meanwhile).send(message())
    assert service.connections == 1
    assert is_signed(service.posts[0])
    await service.stop()


async def test_there_is_no_third_try(open_sender: Open, unused_tcp_port: int) -> None:
    pauses = []

    async def pausing(seconds: float) -> None:
        pauses.append(seconds)

    await failure(open_sender(f"http://127.0.0.1:{unused_tcp_port}/", wait=pausing))
    assert pauses == [RETRY_PAUSE]


async def test_the_second_try_has_no_deadline_of_its_own(open_sender: Open, unused_tcp_port: int) -> None:
    sender = open_sender(f"http://127.0.0.1:{unused_tcp_port}/", timeout=0.1, wait=for_ever)
    async with asyncio.timeout(EVENT_DEADLINE):
        assert "it did not take the message in time" in await failure(sender)


async def test_a_service_that_dies_after_the_request_is_not_asked_again(service: Service, open_sender: Open) -> None:
    service.answer = hang_up
    assert "whether it has the message is unknown" in await failure(open_sender(service.url))
    assert (service.connections, len(service.posts)) == (1, 1)


async def test_a_service_that_dies_before_it_reads_is_not_asked_again(service: Service, open_sender: Open) -> None:
    service.greet = hang_up
    assert "the connection broke" in await failure(open_sender(service.url))
    assert service.connections == 1


async def test_a_service_that_dies_in_its_answer_is_not_asked_again(service: Service, open_sender: Open) -> None:
    async def half(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 20")
        await writer.drain()

    service.answer = half
    assert "the connection broke" in await failure(open_sender(service.url))
    assert service.connections == 1


@pytest.mark.parametrize("answer", [b"220 mail.test ESMTP\r\n", b"\x00\x01\x02\r\n\r\n"])
async def test_garbage_is_no_answer(service: Service, open_sender: Open, answer: bytes) -> None:
    async def garbage(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    service.answer = garbage
    assert "the connection broke" in await failure(open_sender(service.url))
    assert service.connections == 1


@pytest.mark.parametrize("place", ["greet", "answer"])
async def test_a_service_that_stalls_costs_no_more_than_the_deadline(
    service: Service, open_sender: Open, place: str
) -> None:
    setattr(service, place, stall)
    async with asyncio.timeout(EVENT_DEADLINE):
        assert "it did not take the message in time" in await failure(open_sender(service.url, timeout=0.2))
        await service.gone.wait()
    assert service.connections == 1


async def test_a_service_that_answers_drop_by_drop_costs_no_more_than_the_deadline(
    service: Service, open_sender: Open
) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")

        def drop() -> None:
            if not writer.is_closing():
                writer.write(b"x")
                loop.call_later(0.02, drop)

        drop()
        await asyncio.Event().wait()

    service.answer = drip
    async with asyncio.timeout(EVENT_DEADLINE):
        assert "in time" in await failure(open_sender(service.url, timeout=0.2))


async def test_a_sender_that_is_cancelled_leaves_no_connection(service: Service, open_sender: Open) -> None:
    arrived = asyncio.Event()

    async def stalling(_: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.Event().wait()

    service.answer = stalling
    sending = asyncio.get_running_loop().create_task(open_sender(service.url).send(message()))
    async with asyncio.timeout(EVENT_DEADLINE):
        await arrived.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await service.gone.wait()


def test_a_failure_that_nobody_foresaw_is_named_without_its_text() -> None:
    assert told(ValueError(f"something about {ADDRESS}")) == "the delivery failed (ValueError)"


# --- Terms ------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["ftp://a/b", "a.example/b", "http:///b", "http://user:word@a/"])
def test_a_webhook_has_a_plain_url(url: str) -> None:
    with pytest.raises(ValueError, match="must begin with http:// or https://") as caught:
        WebhookTerms(url, SECRET)
    assert "word" not in str(caught.value).replace("password", "")


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="webhook http://a: the secret must have at least 32 bytes"):
        WebhookTerms("http://a/?key=k", SECRET[: MIN_SIGNING_SECRET - 1])


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_delivery_needs_some_time(timeout: float) -> None:
    with pytest.raises(ValueError, match="more than 0 seconds"):
        WebhookTerms("http://a/", SECRET, timeout)


def test_neither_secret_nor_url_shows_in_the_repr() -> None:
    shown = repr(WebhookTerms("http://a/?key=hidden", SECRET))
    assert "hidden" not in shown
    assert SECRET.decode() not in shown
