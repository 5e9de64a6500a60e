"""Peers: which of them may speak for others, and whose address a call comes from.

The default trusts nobody: in a sidecar, 127.0.0.1 may be everyone. An address that cannot be read is not trusted.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


@lru_cache(maxsize=4096)
def read_address(text: str) -> Address | None:
    """An address in its one form: an IPv4 address inside IPv6 is an IPv4 address. None for what is not one."""
    try:
        address = ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


class TrustedProxies:
    """The networks whose hosts may send `X-Forwarded-*`."""

    __slots__ = ("_networks",)

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)

    def trust(self, peer: str) -> bool:
        """Whether this peer may speak for others."""
        if not self._networks:
            return False
        address = read_address(peer)
        return address is not None and any(address in network for network in self._networks)

    def client(self, peer: str, forwarded_for: Sequence[bytes]) -> str:
        """The client's address: the rightmost in X-Forwarded-For that is no trusted proxy, as far as it is readable."""
        if not forwarded_for or not self.trust(peer):
            return peer
        client = peer
        for hop in reversed(b",".join(forwarded_for).decode("latin-1").split(",")):
            address = read_address(hop)
            if address is None:
                return client
            client = str(address)
            if not self.trust(client):
                return client
        return client
