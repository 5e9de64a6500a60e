"""Ingredients: bytes, texts and documents that look right for a while and then do not.

What stays out: who reads them (the targets).
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

# Each of these was once the end of some reader.
ODD_TEXTS = (
    "", " ", "\x00", "\r\n", "\r\nX-MFA-Verified: true", "\ud800", "\uff11\uff12\uff13", "null", "NaN", "1e999", "-0",
    "0" * 4000, "9" * 30, "%00", "%0d%0a", "../../dev/null", "' OR 1=1 --", "<script>", "${jndi:x}", "\u202e", "\ufeff",
    "a" * 70_000, "true", "[]", "{}", "*", "=", "&&", "a=b&a=c", "123456", "user@example.test", "+491701234567",
)  # fmt: skip
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.sampled_from(ODD_TEXTS)
)
_DEEP = (
    b"[" * 60_000, b'{"data":' * 7_000, b"[" * 500 + b"]" * 500, b'{"a":' * 900 + b"1" + b"}" * 900, b"1" * 5_000,
    b'{"code": ' + b"1" * 5_000 + b"}", b'{"code": 1e999}', b'{"code": "1", "code": "2"}', b'{"a": "\\ud800"}',
)  # fmt: skip


def sometimes(draw: st.DrawFn, one_in: int) -> bool:
    """Whether to do something odd this time."""
    return draw(st.integers(1, one_in)) == one_in


def trees(names: Sequence[str]) -> st.SearchStrategy[Any]:
    """Values of JSON or YAML whose members are mostly called as something that is looked for."""
    keys = st.one_of(st.sampled_from(list(names)), st.text(max_size=6))
    return st.recursive(
        SCALARS,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=5)),
        max_leaves=12,
    )


@st.composite
def documents(draw: st.DrawFn, trees_: st.SearchStrategy[Any]) -> bytes:
    """JSON, well formed or just not: damaged, doubled, in another encoding, or as deep as a body can be."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=64))
    if kind == 1:
        return draw(
            st.sampled_from(
                (b"[" * 60_000, b'{"data":' * 7_000, b"[" * 500 + b"]" * 500, b'{"a":' * 900 + b"1" + b"}" * 900)
            )
        )
    text = json.dumps(draw(trees_)).encode("utf-8", "surrogatepass")
    if kind == 2:
        return text.decode().encode(draw(st.sampled_from(("utf-16", "utf-32", "utf-8-sig"))))
    if kind == 3:
        return text + text
    return draw(damaged(text)) if kind == 4 else text


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """These bytes with a few of them cut out, put in or exchanged."""
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(whole)))
        end = min(len(whole), begin + draw(st.integers(0, 8)))
        whole = whole[:begin] + draw(st.binary(max_size=4)) + whole[end:]
    return whole


@st.composite
def split(draw: st.DrawFn, whole: bytes) -> list[bytes]:
    """These bytes in pieces, as a network may deliver them."""
    cuts = sorted(draw(st.sets(st.integers(0, len(whole)), max_size=6)) | {0, len(whole)})
    return [whole[begin:end] for begin, end in pairwise(cuts)] or [b""]
