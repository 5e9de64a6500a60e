"""TLS towards an upstream: whom to trust, which name to expect, and what to show of ourselves.

Certificates are always checked. What stays out: connecting (`pool`).
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Trust:
    """How a TLS upstream is recognised.

    Attributes:
        server_name: the name in its certificate; "" for the host of the origin.
        context: the trusted authorities, and our own certificate where the upstream asks for one.
    """

    server_name: str
    context: ssl.SSLContext = field(repr=False)


def read_trust(
    *, ca: Path | None = None, server_name: str = "", client_cert: Path | None = None, client_key: Path | None = None
) -> Trust:
    """Read the certificates of an upstream. `ca` replaces the system's authorities; the key may be in `client_cert`.

    Raises:
        ValueError: a file holds no certificate or key that can be used; the text says which.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ValueError) as error:
        raise ValueError(f"upstream tls.ca: {ca} holds no certificates that can be used: {error}") from None
    # ALPN names what we speak, so that a server does not begin with HTTP/2 (RFC 7301).
    context.set_alpn_protocols(["http/1.1"])
    if client_cert is not None:
        try:
            context.load_cert_chain(client_cert, client_key)
        except (OSError, ValueError) as error:
            raise ValueError(f"upstream tls.client_cert: {client_cert} cannot be used: {error}") from None
    return Trust(server_name, context)
