"""TLS towards clients: the certificate that the listener shows.

What stays out: TLS towards an upstream (upstream.tls), and how long a handshake may take (stopping).
"""

import ssl
from pathlib import Path


def read_certificate(cert: Path, key: Path) -> ssl.SSLContext:
    """A context that shows this certificate. TLS 1.2 at least (RFC 9325 section 3.1.1), HTTP/1.1 in it.

    Raises:
        ValueError: the files hold no certificate and key that belong together; the text says what is wrong.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # RFC 7301: clients that could speak HTTP/2 are told not to.
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ValueError) as error:
        raise ValueError(f"tls: {cert} and {key} cannot be used: {error}") from None
    return context
