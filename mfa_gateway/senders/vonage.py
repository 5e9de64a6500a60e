"""Vonage's SMS API (Nexmo): a short message as a form that holds the credentials.

    POST {base}/sms/json
    Content-Type: application/x-www-form-urlencoded

    api_key=...&api_secret=...&from=Example&to=491701234567&text=048213+is+...&type=text

`to` is the number without its plus sign. `type` is `unicode` where a character is none of the GSM alphabet, which would
arrive as a question mark otherwise. The answer is a 200 even for refusals: what counts is `status` of every entry of
`messages`, one for each part, and "0" alone means accepted.

What stays out: words (texts), the request on its way (posting), and what became of an accepted message.
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from mfa_gateway.core.message import CodeMessage
from mfa_gateway.senders.gsm import is_gsm
from mfa_gateway.senders.posting import Poster, Wait
from mfa_gateway.senders.texts import Texts

BASE_URL: Final = "https://rest.nexmo.com"

_ACCEPTED: Final = "0"
# What an operator can do something about. The provider's own text is not shown: it may quote the message.
_MEANING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1": ": too many messages at a time",
        "4": ": check api_key and api_secret",
        "5": ": an error of its own",
        "7": ": the number is barred",
        "8": ": the account is barred",
        "9": ": the account has no credit left",
        "15": ": the sender is not allowed there",
        "29": ": the number is not on the list of a trial account",
    }
)
# Two digits name every status there is; whatever else stands there is not written down.
_LONGEST_STATUS: Final = 3


@dataclass(frozen=True, slots=True)
class VonageTerms:
    """An account at Vonage, or at somebody who speaks its API.

    Attributes:
        api_key: names the account.
        api_secret: its password.
        sender: a number without plus sign, or an alphanumeric name.
        base_url: scheme and host, without a path.
        timeout: seconds for one whole delivery, more than 0.
    """

    api_key: str
    api_secret: str = field(repr=False)
    sender: str
    base_url: str = BASE_URL
    timeout: float = 10.0


class VonageSender:
    """Sends codes as short messages.

    Args:
        terms: the account.
        texts: the words.
        tls: whom to trust; by default the authorities that httpx2 ships.
        wait: waits so many seconds, before a second try.
    """

    def __init__(
        self, terms: VonageTerms, *, texts: Texts, tls: ssl.SSLContext | None = None, wait: Wait = asyncio.sleep
    ) -> None:
        self._terms = terms
        self._texts = texts
        self._url = f"{terms.base_url}/sms/json"
        self._poster = Poster(f"vonage {terms.base_url}", timeout=terms.timeout, tls=tls, wait=wait)

    async def send(self, message: CodeMessage) -> None:
        """Hand a message over.

        Raises:
            DeliveryFailed: it was not accepted in time. The text names neither address nor code.
        """
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        content = urlencode(self._form(message)).encode("ascii")
        answer = await self._poster.post(self._url, content=content, headers=headers, is_read=True)
        if not answer.is_success:
            raise self._poster.failure(f"the message was refused ({answer.status})")
        refused = [status for status in _statuses(answer.body) if status != _ACCEPTED]
        if refused:
            raise self._poster.failure(f"the message was refused (status {refused[0]}{_MEANING.get(refused[0], '')})")

    async def close(self) -> None:
        """Close what is open. Messages under way fail."""
        await self._poster.close()

    def _form(self, message: CodeMessage) -> dict[str, str]:
        text = self._texts.render(message).body
        return {
            "api_key": self._terms.api_key,
            "api_secret": self._terms.api_secret,
            "from": self._terms.sender,
            "to": message.address.removeprefix("+"),
            "text": text,
            "type": "text" if is_gsm(text) else "unicode",
        }


def _statuses(body: bytes) -> list[str]:
    """The status of every part of a message; "unknown" where nothing says that it was accepted."""
    try:
        said = json.loads(body)
    except ValueError:
        return ["unknown"]
    parts = said.get("messages") if isinstance(said, dict) else None
    if not isinstance(parts, list) or not parts:
        return ["unknown"]
    return [_status(part) for part in parts]


def _status(part: object) -> str:
    status = part.get("status") if isinstance(part, dict) else None
    is_known = isinstance(status, str) and status.isascii() and status.isdigit() and len(status) <= _LONGEST_STATUS
    return str(status) if is_known else "unknown"
