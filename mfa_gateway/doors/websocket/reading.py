"""Reading: what a handshake says beyond an ordinary call, before it is judged.

The token among its sub-protocols becomes the credential of the call, and the page behind it is told apart. What has two
readings is refused here, like everywhere. What stays out: ordinary calls (asgi), and what is decided (gate).
"""

from dataclasses import dataclass, replace

from mfa_gateway.core.call import Call
from mfa_gateway.doors.asgi import Scope, Unreadable, asked_of
from mfa_gateway.doors.peers import TrustedProxies
from mfa_gateway.doors.websocket.origin import foreign_page
from mfa_gateway.doors.websocket.subprotocols import Offer, read_offer, without_own


@dataclass(frozen=True, slots=True)
class Knock:
    """A handshake to be judged: the call that it is, and the sub-protocols that it offers."""

    call: Call
    offer: Offer


def read_knock(
    call: Call, scope: Scope, *, names: frozenset[str], origins: frozenset[bytes], proxies: TrustedProxies
) -> Knock | Unreadable:
    """Read a handshake. `names` are the sub-protocols that bring a token, `origins` the pages that may connect."""
    offer = read_offer(call.headers, names)
    if offer is None:
        return Unreadable("the sub-protocols cannot be read, or there are two tokens among them", asked_of(call))
    if offer.token is not None and call.authorization is not None:
        return Unreadable("there is a token among the sub-protocols and another in Authorization", asked_of(call))
    page = foreign_page(call, scope, listed=origins, proxies=proxies)
    if page or offer.token is not None or offer.answer is not None:
        token = call.authorization if offer.token is None else f"Bearer {offer.token}"
        call = replace(call, foreign_page=page, authorization=token, headers=tuple(without_own(call.headers, offer)))
    return Knock(call, offer)
