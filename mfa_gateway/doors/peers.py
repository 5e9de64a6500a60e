"""Peers: which of them may speak for others, and whose address a call comes from.

The default trusts nobody: in a sidecar, 127.0.0.1 may be everyone. An address that cannot be read is not trusted.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from mfa_gateway.core.call import Call
from mfa_gateway.core.credential import folded_name, namesakes

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# How many addresses are remembered: some hundred KiB at most.
_MOST_PEERS = 4096
# RFC 4291 section 2.5.5.2: what stands before an IPv4 address inside an IPv6 one.
_MAPPED_BITS = 96


@lru_cache(maxsize=_MOST_PEERS)
def read_address(text: str) -> Address | None:
    """An address in its one form: an IPv4 address inside IPv6 is an IPv4 address. None for what is not one.

    The zone of a link-local address (RFC 4007 section 11) is left out: it is free text, and no other host's business.
    """
    bare = text.strip(" \t")
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def plain_network(network: Network) -> Network:
    """A network in the one form that its addresses have: IPv4 networks inside IPv6 are IPv4 networks."""
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))


@lru_cache(maxsize=_MOST_PEERS)
def plain_address(text: str) -> str:
    """An address as it is written down: in its one form where it is one, else as it came."""
    address = read_address(text)
    return text if address is None else str(address)


class TrustedProxies:
    """The networks whose hosts may send `X-Forwarded-*`."""

    __slots__ = ("_is_trusted", "_networks")

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(plain_network(network) for network in networks)
        self._is_trusted = lru_cache(maxsize=_MOST_PEERS)(self._judge)

    def trust(self, peer: str) -> bool:
        """Whether this peer may speak for others."""
        return self._is_trusted(peer) if self._networks else False

    def _judge(self, peer: str) -> bool:
        address = read_address(peer)
        return address is not None and any(address in network for network in self._networks)

    def client(self, peer: str, forwarded_for: bytes | None) -> str:
        """The client's address: the rightmost in X-Forwarded-For that is no trusted proxy, as far as it is readable.

        `forwarded_for` is the whole list, several fields joined with commas (RFC 9110 section 5.3).
        """
        if forwarded_for is None or not self.trust(peer):
            return plain_address(peer)
        client = peer
        for hop in reversed(forwarded_for.decode("latin-1").split(",")):
            if read_address(hop) is None:
                break
            client = plain_address(hop)
            if not self.trust(client):
                break
        return plain_address(client)


class PeerHeader:
    """The header by which listed peers say who is calling, on its way to the application.

    Only what a listed peer says once and in so many letters goes on. Everything else of that name, or of an alias of
    it, is somebody's invention.

    Attributes:
        name: the header, in lower case.
        folded: its name as the most careless reader sees it.
    """

    __slots__ = ("_peers", "folded", "name")

    def __init__(self, name: bytes, peers: TrustedProxies) -> None:
        self.name = name.lower()
        self.folded = folded_name(name)
        self._peers = peers

    def is_listed(self, peer: str) -> bool:
        """Whether this peer's word counts."""
        return self._peers.trust(peer)

    def kept(self, call: Call) -> bytes | None:
        """The name of the field that goes on, or None where none does."""
        return self.kept_among(call.headers) if self.is_listed(call.peer) else None

    def kept_among(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
        """The same among the fields of a peer that is listed."""
        fields = namesakes(headers, self.name)
        return self.name if [name for name, _ in fields] == [self.name] else None
