"""Webhook: a message handed to an HTTP service that knows how to send it, signed, one connection each.

The request is a POST of one JSON object (UTF-8):

    {"id": "8c5e…", "channel": "email", "to": "ada@example.com", "code": "048213", "purpose": "gate",
     "expires_in": 600, "language": "en", "subject": "Your code for Example", "text": "Hello, …"}

    id          32 hexadecimal digits, random, one per message: the same id is the same message
    channel     how it has to travel: "email", "sms" or "push"
    to          the one address it goes to: a mailbox, a number in E.164, as in +491701234567, or what the push service
                of the platform calls a device
    code        the code alone, for services with templates of their own; show it on no locked screen (subject)
    purpose     "gate" (a protected call), "activate" (a factor is being set up) or "notice" (a factor was changed, and
                its owner is told: such a message has neither code nor expires_in)
    expires_in  seconds that the code is good for, rounded down, at least 1
    language    the language of subject and text (RFC 5646)
    subject     one line without the code; only where channel is "email"
    text        the whole message, plain, with the code in it

A push has no code, subject and text, but these, and `push` is what the app on the device gets, member for member:

    platform    "android" or "ios": whose push service knows `to`
    push        {"mode": "verify", "title": "…", "body": "…", "gigyaAssertion": "…", "verificationToken": "…"}
                mode is "verify", or "optin" with the purpose activate. Only the device may read verificationToken: it
                is what proves it (spec/gigya.md section 1.6). Give it the life that expires_in says

More members may come; receivers ignore those that they do not know. Any 2xx means "accepted"; the body of the answer is
not read. Headers and signature are those of the Standard Webhooks specification (symmetric signatures, v1), for which
receivers find libraries:

    webhook-id          the id again: a receiver that keeps it sends no message twice (idempotency key)
    webhook-timestamp   seconds since 1970: refuse what is more than a few minutes off
    webhook-signature   "v1," and the base64 of HMAC-SHA-256 over `id.timestamp.body` with the shared secret

The libraries take the base64 of the secret; here it is the bytes of its file.

What stays out: words (texts), the request on its way, and whether there is a second try (posting).
"""

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Final
from urllib.parse import urlsplit

from mfa_gateway.core.account import Factor
from mfa_gateway.core.message import CodeMessage, NoticeMessage
from mfa_gateway.core.proof import Purpose
from mfa_gateway.core.push import device_at
from mfa_gateway.core.signature import MIN_SIGNING_SECRET, signature_headers
from mfa_gateway.senders.posting import Poster, Wait
from mfa_gateway.senders.texts import Text, Texts

Document = Mapping[str, str | int | Mapping[str, str]]

# spec/gigya.md section 1.6.
_MODES: Final = {Purpose.GATE: "verify", Purpose.ACTIVATE: "optin"}


@dataclass(frozen=True, slots=True)
class WebhookTerms:
    """A service and how to talk to it.

    Attributes:
        url: http or https, without user name and password. It may hold a key of its own, so it is never shown.
        secret: signs the requests, at least `MIN_SIGNING_SECRET` bytes.
        timeout: seconds for one whole delivery, the second try included, more than 0.

    Raises:
        ValueError: the URL is none, the secret is too short, or there is no time at all.
    """

    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    timeout: float = 10.0

    def __post_init__(self) -> None:
        split = urlsplit(self.url)
        if split.scheme not in {"http", "https"} or not split.hostname or "@" in split.netloc:
            raise ValueError("the URL of a webhook must begin with http:// or https://, name a host and no password")
        if len(self.secret) < MIN_SIGNING_SECRET:
            raise ValueError(f"webhook {self.place}: the secret must have at least {MIN_SIGNING_SECRET} bytes")
        if not self.timeout > 0:
            raise ValueError(f"webhook {self.place}: the time-out must be more than 0 seconds")

    @property
    def place(self) -> str:
        """Where the service is, in words fit for a log: path and query may hold its key."""
        split = urlsplit(self.url)
        return f"{split.scheme}://{split.netloc}"


class WebhookSender:
    """Sends codes by posting them to a service.

    Args:
        terms: the service.
        texts: the words.
        clock: seconds since 1970, for the signature.
        tls: whom to trust; by default the authorities that httpx2 ships.
        wait: waits so many seconds, before the second try.
    """

    def __init__(
        self,
        terms: WebhookTerms,
        *,
        texts: Texts,
        clock: Callable[[], float] = time.time,
        tls: ssl.SSLContext | None = None,
        wait: Wait = asyncio.sleep,
    ) -> None:
        self._terms = terms
        self._texts = texts
        self._clock = clock
        self._poster = Poster(f"webhook {terms.place}", timeout=terms.timeout, tls=tls, wait=wait)

    async def send(self, message: CodeMessage) -> None:
        """Hand a message over to the service.

        Raises:
            DeliveryFailed: it was not accepted in time. The text names neither address nor code.
        """
        await self._hand_over(self._document(message))

    async def tell(self, notice: NoticeMessage) -> None:
        """Hand a notice over to the service.

        Raises:
            DeliveryFailed: it was not accepted in time. The text does not name the address.
        """
        text = self._texts.notice(notice)
        await self._hand_over(
            {
                "channel": Factor.EMAIL.value,
                "to": notice.address,
                "purpose": "notice",
                "language": text.language,
                "subject": text.subject,
                "text": text.body,
            }
        )

    async def _hand_over(self, document: Document) -> None:
        unique, sent = token_hex(16), int(self._clock())
        body = json.dumps({"id": unique, **document}, ensure_ascii=False).encode()
        signed = signature_headers(self._terms.secret, unique=unique, sent=sent, content=body)
        headers = {"content-type": "application/json", **signed}
        answer = await self._poster.post(self._terms.url, content=body, headers=headers)
        if not answer.is_success:
            raise self._poster.failure(f"the message was refused ({answer.status})")

    async def close(self) -> None:
        """Close what is open. Messages under way fail."""
        await self._poster.close()

    def _document(self, message: CodeMessage) -> Document:
        text = self._texts.render(message)
        return {
            "channel": message.factor.value,
            "purpose": message.purpose.value,
            "expires_in": max(message.life_ms // 1000, 1),
            "language": text.language,
            **(_pushed(message, text) if message.factor is Factor.PUSH else _typed(message, text)),
        }


def _typed(message: CodeMessage, text: Text) -> dict[str, str]:
    subject = {"subject": text.subject} if text.subject else {}
    return {"to": message.address, "code": message.code, **subject, "text": text.body}


def _pushed(message: CodeMessage, text: Text) -> dict[str, str | Mapping[str, str]]:
    device = device_at(message.address)
    payload = {
        "mode": _MODES[message.purpose],
        "title": text.subject,
        "body": text.body,
        "gigyaAssertion": message.assertion,
        "verificationToken": message.code,
    }
    return {"to": device.token, "platform": device.platform.value, "push": payload}
