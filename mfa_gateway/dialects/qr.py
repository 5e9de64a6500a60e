"""QR codes: what an authenticator app scans, as pictures that a page, an app or a terminal can show.

A picture of an `otpauth://` URI is as secret as the secret in it: it belongs into one answer and nowhere else. What
stays out: the URI itself (core.otp), and where a picture stands in an answer (the dialects).
"""

from io import BytesIO, StringIO
from typing import Final

import segno

# Level M restores 15 % of a code, which is what a scratched screen takes; more would only make the dots smaller.
_CORRECTION: Final = "m"
# Pixels or units to a dot: about 250 in all for a usual secret, as large as login pages show it.
_SCALE: Final = 5


def svg(uri: str) -> str:
    """An SVG document, for pages that put it in as it is."""
    out = BytesIO()
    _code(uri).save(out, kind="svg", scale=_SCALE, xmldecl=False, nl=False)
    return out.getvalue().decode("utf-8")


def svg_data_uri(uri: str) -> str:
    """The same as a data URI (RFC 2397)."""
    return _code(uri).svg_data_uri(scale=_SCALE)


def png_data_uri(uri: str) -> str:
    """A PNG as a data URI in base64 (RFC 2397): what both of the large mobile platforms decode by themselves."""
    return _code(uri).png_data_uri(scale=_SCALE)


def terminal(uri: str) -> str:
    """A picture for a terminal, two dots to a character."""
    out = StringIO()
    _code(uri).terminal(out, compact=True)
    return out.getvalue()


def _code(uri: str) -> segno.QRCode:
    # Micro QR codes are smaller, and no authenticator app reads them.
    return segno.make(uri, error=_CORRECTION, micro=False)
