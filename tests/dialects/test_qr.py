"""QR codes: pictures in the forms that pages, apps and terminals show; what they say is read back dot by dot."""

import base64
import struct
import xml.etree.ElementTree as ET
import zlib
from itertools import pairwise
from urllib.parse import unquote

import segno

from mfa_gateway.core.otp import otpauth_uri
from mfa_gateway.dialects import qr

URI = otpauth_uri(bytes(range(20)), issuer="Example Shop", account="ada@example.test")
SCALE, BORDER = 5, 4


def dots() -> list[bytes]:
    """The code without its quiet zone, as the standard has it; `segno.make` is told the words alone."""
    return [bytes(row) for row in segno.make(URI, error="m", micro=False).matrix]


def pixels(png: bytes) -> list[list[int]]:
    """The rows of a greyscale PNG of one bit (RFC 2083), 0 for black."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    assert (depth, colour) == (1, 0)
    data, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    raw, stride = zlib.decompress(data), (width + 7) // 8 + 1
    rows, above = [], bytes(stride - 1)
    for start in range(0, height * stride, stride):
        kind, row = raw[start], raw[start + 1 : start + stride]
        # Section 6: None, or Up, which adds the row above.
        assert kind in (0, 2)
        above = bytes((a + b) % 256 for a, b in zip(row, above, strict=True)) if kind else row
        rows.append(above)
    return [[row[x // 8] >> (7 - x % 8) & 1 for x in range(width)] for row in rows]


def test_the_png_shows_every_dot_of_the_code() -> None:
    head, _, data = qr.png_data_uri(URI).partition(",")
    assert head == "data:image/png;base64"
    shown = pixels(base64.b64decode(data, validate=True))
    for y, row in enumerate(dots()):
        for x, dot in enumerate(row):
            assert shown[(y + BORDER) * SCALE + 2][(x + BORDER) * SCALE + 2] == 1 - dot


def test_the_png_has_a_quiet_zone_all_around() -> None:
    shown = pixels(base64.b64decode(qr.png_data_uri(URI).partition(",")[2]))
    edge = BORDER * SCALE
    assert all(all(row[:edge]) and all(row[-edge:]) for row in shown)
    assert all(all(row) for row in (*shown[:edge], *shown[-edge:]))


def test_the_svg_is_one_element_without_script_or_reference() -> None:
    root = ET.fromstring(qr.svg(URI))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert {child.tag.partition("}")[2] for child in root} == {"path"}
    size = (len(dots()) + 2 * BORDER) * SCALE
    assert (root.get("width"), root.get("height")) == (str(size), str(size))


def test_the_svg_as_a_data_uri_is_the_same_picture() -> None:
    head, _, data = qr.svg_data_uri(URI).partition(",")
    assert head.startswith("data:image/svg+xml")
    root = ET.fromstring(unquote(data))
    other = ET.fromstring(qr.svg(URI))
    assert [child.get("d") for child in root] == [child.get("d") for child in other]


def test_a_terminal_shows_lines_of_the_same_width() -> None:
    lines = qr.terminal(URI).rstrip("\n").split("\n")
    assert len(lines) > 15
    assert all(len(one) == len(other) for one, other in pairwise(lines))


def test_another_uri_is_another_picture() -> None:
    assert qr.svg(URI) != qr.svg(URI.replace("ada", "bob"))
