"""The chart: one bar for everybody who was asked for small answers, as an SVG that needs nothing else.

Colours work on light and dark pages alike. Whoever could not be kept busy has no bar, only the reason.
"""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from tests.benchmarks.figures import Runs, middle
from tests.benchmarks.gates import AUTH_REQUEST, EXT_AUTHZ, FORWARD_AUTH, LUA
from tests.benchmarks.load import LEAST_BUSY

_WIDTH: Final = 860
_LABELS: Final = 360
_ROW: Final = 26
_BAR: Final = 18
_TOP: Final = 56
# Room for the number behind the longest bar.
_TAIL: Final = 80

_OURS: Final = "#0e7c66"
_GATE: Final = "#c2701c"
_PLAIN: Final = "#7a8494"
_INK: Final = "#7a8494"
_KEY: Final = ((_OURS, "mfa_gateway"), (_GATE, "other gates, or proxies that ask it"), (_PLAIN, "forwarding plainly"))
_GATES: Final = frozenset({LUA, AUTH_REQUEST, FORWARD_AUTH, EXT_AUTHZ})


def chart(rows: Mapping[str, Runs], *, title: str) -> str:
    """The chart of the case of small answers."""
    rates = {who: middle("small", runs) for who, runs in rows.items()}
    ordered = sorted(rates.items(), key=lambda row: (-(row[1] or 0), row[0]))
    height = _TOP + _ROW * len(ordered) + 12
    longest = max((rate for _, rate in ordered if rate), default=1.0)
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    font = f'font-family="system-ui, sans-serif" font-size="13" fill="{_INK}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font} role="img">',
        f"<title>{escape(title)}</title>",
        f'<text x="8" y="18" font-size="14" font-weight="600">{escape(title)}</text>',
        *_key(),
        *(line for at, row in enumerate(ordered) for line in _bar(at, *row, longest=longest)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _key() -> Iterator[str]:
    at = 8
    for colour, text in _KEY:
        yield f'<rect x="{at}" y="28" width="12" height="12" rx="2" fill="{colour}"/>'
        yield f'<text x="{at + 18}" y="39" font-size="12">{escape(text)}</text>'
        at += 40 + 7 * len(text)


def _bar(at: int, who: str, rate: float | None, *, longest: float) -> Iterator[str]:
    top = _TOP + at * _ROW
    middle_line = top + _BAR - 5
    colour = _OURS if who.startswith("mfa_gateway") else _GATE if who in _GATES else _PLAIN
    weight = ' font-weight="600"' if colour == _OURS else ""
    yield f'<text x="{_LABELS - 8}" y="{middle_line}" text-anchor="end"{weight}>{escape(who)}</text>'
    if rate is None:
        yield f'<text x="{_LABELS}" y="{middle_line}">not counted: its core was less than {LEAST_BUSY:.0%} busy</text>'
        return
    width = max(round((_WIDTH - _LABELS - _TAIL) * rate / longest), 1)
    yield f'<rect x="{_LABELS}" y="{top}" width="{width}" height="{_BAR}" rx="2" fill="{colour}"/>'
    yield f'<text x="{_LABELS + width + 6}" y="{middle_line}">{rate:,.0f}/s</text>'
