"""The offered sub-protocols, and the token that may be among them.

A browser can set no header on a handshake, so its token comes as a sub-protocol:

    new WebSocket(url, ["mfa.bearer", "mfa.bearer." + token])

It counts exactly as `Authorization: Bearer <token>`. Neither form goes on: they are taken off what the application or
the upstream sees. Browsers give up where an offer is answered with no sub-protocol at all, so where nothing else is
chosen, the client is answered with its own. Pure. What stays out: judging the token (identity).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from re import compile as pattern
from typing import Final

from mfa_gateway.doors.asgi import HeaderList, Message, Send
from mfa_gateway.doors.websocket.handshake import listed

FIELD: Final = b"sec-websocket-protocol"
# RFC 6455 section 4.1 with RFC 9110 section 5.6.2.
_TOKEN: Final = pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client offers, apart.

    Attributes:
        offered: what goes on, in the client's order.
        token: the credential among them.
        answer: what the client is answered with where nothing is chosen; it may hold the token.
    """

    offered: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    answer: str | None = field(default=None, repr=False)


def read_offer(headers: Iterable[tuple[bytes, bytes]], names: frozenset[str]) -> Offer | None:
    """Read the offered sub-protocols; None where they cannot be read, or where there are two tokens.

    `names` are the sub-protocols that bring a token behind a dot.
    """
    offers = [offer.decode("latin-1") for offer in listed(value for name, value in headers if name == FIELD)]
    if not all(map(_TOKEN.fullmatch, offers)):
        return None
    own = [offer for offer in offers if any(_is_of(offer, name) for name in names)]
    bearing = [offer for offer in own if offer not in names]
    if len(bearing) > 1:
        return None
    bare = next((offer for offer in own if offer in names), None)
    offered = tuple(offer for offer in offers if offer not in own)
    bearer = bearing[0] if bearing else None
    # The form with the token is named back only where nothing else was offered.
    return Offer(offered, _token_of(bearer, names), bare or (None if offered else bearer))


def _is_of(offer: str, name: str) -> bool:
    return offer == name or offer.startswith(f"{name}.")


def _token_of(offer: str | None, names: frozenset[str]) -> str | None:
    """What follows the longest name."""
    if offer is None:
        return None
    name = max((name for name in names if _is_of(offer, name)), key=len)
    return offer[len(name) + 1 :]


def without_own(headers: Iterable[tuple[bytes, bytes]], offer: Offer) -> HeaderList:
    """The fields of a handshake as they go on: the other offers, and the token where every reader looks for it."""
    kept = [pair for pair in headers if pair[0] != FIELD]
    if offer.offered:
        kept.append((FIELD, ", ".join(offer.offered).encode("latin-1")))
    if offer.token is not None:
        kept.append((b"authorization", b"Bearer " + offer.token.encode("latin-1")))
    return kept


def choosing(send: Send, offer: Offer) -> Send:
    """A `send` that answers the client with its own sub-protocol where the application chooses none."""
    if offer.answer is None:
        return send

    async def sending(message: Message) -> None:
        if message["type"] == "websocket.accept" and not message.get("subprotocol"):
            message = {**message, "subprotocol": offer.answer}
        await send(message)

    return sending
