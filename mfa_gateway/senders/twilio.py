"""Twilio's Messages API (version 2010-04-01): a short message as a form, under HTTP Basic.

    POST {base}/2010-04-01/Accounts/{sid}/Messages.json
    Authorization: Basic base64(sid:auth token)
    Content-Type: application/x-www-form-urlencoded

    To=%2B491701234567&From=Example&Body=048213+is+...&ValidityPeriod=600

`MessagingServiceSid` takes the place of `From` where a messaging service chooses the sender. 201 means accepted; every
refusal is a 4xx or 5xx with a JSON object, whose `code` is told because Twilio's documentation is ordered by it.
`ValidityPeriod` (seconds) ends when the code does: a message that waits in a queue for longer is worth nothing.

What stays out: words (texts), the request on its way (posting), and what became of an accepted message.
"""

import asyncio
import json
import ssl
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

from mfa_gateway.core.message import CodeMessage
from mfa_gateway.senders.posting import Answer, Poster, Wait
from mfa_gateway.senders.texts import Texts

BASE_URL: Final = "https://api.twilio.com"


@dataclass(frozen=True, slots=True)
class TwilioTerms:
    """An account at Twilio, or at somebody who speaks its API.

    Attributes:
        account_sid: names the account.
        auth_token: its password.
        sender: a number in E.164, a short code or an alphanumeric name; None where a messaging service chooses.
        messaging_service_sid: that messaging service.
        base_url: scheme and host, without a path.
        timeout: seconds for one whole delivery, more than 0.

    Raises:
        ValueError: a sender and a messaging service are given, or neither.
    """

    account_sid: str
    auth_token: str = field(repr=False)
    sender: str | None = None
    messaging_service_sid: str | None = None
    base_url: str = BASE_URL
    timeout: float = 10.0

    def __post_init__(self) -> None:
        if (self.sender is None) == (self.messaging_service_sid is None):
            raise ValueError("twilio: give either a sender or a messaging service")


class TwilioSender:
    """Sends codes as short messages.

    Args:
        terms: the account.
        texts: the words.
        tls: whom to trust; by default the authorities that httpx2 ships.
        wait: waits so many seconds, before a second try.
    """

    def __init__(
        self, terms: TwilioTerms, *, texts: Texts, tls: ssl.SSLContext | None = None, wait: Wait = asyncio.sleep
    ) -> None:
        self._terms = terms
        self._texts = texts
        self._url = f"{terms.base_url}/2010-04-01/Accounts/{quote(terms.account_sid, safe='')}/Messages.json"
        self._poster = Poster(f"twilio {terms.base_url}", timeout=terms.timeout, tls=tls, wait=wait)

    async def send(self, message: CodeMessage) -> None:
        """Hand a message over.

        Raises:
            DeliveryFailed: it was not accepted in time. The text names neither address nor code.
        """
        answer = await self._poster.post(
            self._url, content=urlencode(self._form(message)).encode("ascii"), headers=self._headers(), is_read=True
        )
        if not answer.is_success:
            raise self._poster.failure(f"the message was refused ({answer.status}{_error_code(answer)})")

    async def close(self) -> None:
        """Close what is open. Messages under way fail."""
        await self._poster.close()

    def _form(self, message: CodeMessage) -> dict[str, str]:
        terms = self._terms
        origin = (
            {"From": terms.sender}
            if terms.sender is not None
            else {"MessagingServiceSid": terms.messaging_service_sid or ""}
        )
        return {
            "To": message.address,
            **origin,
            "Body": self._texts.render(message).body,
            "ValidityPeriod": str(max(message.life_ms // 1000, 1)),
        }

    def _headers(self) -> dict[str, str]:
        login = b64encode(f"{self._terms.account_sid}:{self._terms.auth_token}".encode()).decode("ascii")
        return {"Authorization": f"Basic {login}", "Content-Type": "application/x-www-form-urlencoded"}


def _error_code(answer: Answer) -> str:
    """The provider's own number of an error, and nothing else of what it said: that may quote the message."""
    try:
        said = json.loads(answer.body)
    except ValueError:
        return ""
    code = said.get("code") if isinstance(said, dict) else None
    return f", error {code}" if type(code) is int else ""
