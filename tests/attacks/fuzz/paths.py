"""Fuzzing what reads request targets: canonical and odd paths, hosts and queries.

No input breaks a reader. What has one reading is stable and plain; what has several has few; what is refused never
becomes a call at all; and a target that any lenient server takes for a protected one is never judged open.
"""

import random
import re
from typing import Final

from hypothesis import strategies as st

from mfa_gateway.core.call import (
    Call,
    CanonicalPath,
    Oddity,
    OddPath,
    canonical_host,
    canonical_path,
    canonical_query,
)
from mfa_gateway.core.gate import admit
from mfa_gateway.core.pattern import Pattern, read_pattern
from mfa_gateway.core.policy import Access, Policy, Requirement, Rule
from mfa_gateway.core.readings import odd_path
from mfa_gateway.core.verdict import Pass
from tests.attacks.fuzz.target import Target
from tests.attacks.targets import target
from tests.attacks.witness import is_protected

_WIRE: Final = re.compile(rb"/[A-Za-z0-9\-._~!$&'()*+,=:@/%]*")
_MOST_READINGS: Final = 96
_GUARDED: Final = ("/protected/**", "/feed", "/api/protected/**", "/odd/protected/**", "/customers/{id}/password")


def _pattern(text: str) -> Pattern:
    read = read_pattern(text)
    assert isinstance(read, Pattern)
    return read


POLICY: Final = Policy(
    [Rule("guarded", tuple(_pattern(path) for path in _GUARDED), Requirement(Access.MFA))],
    default=Requirement(Access.OPEN),
)

_PARTS: Final = st.sampled_from(
    (b"/", b"/", b"protected", b"public", b"customers", b"password", b"7", b"%2f", b"%2F", b"%5c", b"%2e", b".", b"..",
     b"%", b"%25", b"%00", b"%c3%a9", b"%ff", b"%70", b";", b";v=1", b"//", b"\\", b"?", b"#", b"%23", b"\x00", b" ",
     b"~")
)  # fmt: skip
_TARGETS: Final = st.one_of(
    st.integers(0, 2**48).map(lambda seed: target(random.Random(seed)).encode("latin-1", "replace")),
    st.lists(_PARTS, max_size=14).map(b"".join).map(lambda made: b"/" + made),
    st.binary(max_size=40),
    st.builds(lambda part, times: b"/" + part * times, _PARTS, st.integers(0, 3000)),
)


def _check(raw: bytes) -> None:
    path = raw.partition(b"?")[0]
    canonical_query(raw)
    canonical_host(raw)
    read = canonical_path(path)
    if isinstance(read, CanonicalPath):
        _check_canonical(read)
        _check_verdict(read, path)
    odd = odd_path(path)
    if isinstance(odd, OddPath):
        assert odd.wire == path
        assert len(odd.readings) <= _MOST_READINGS
        if not isinstance(read, Oddity):
            assert read.segments in {reading.segments for reading in odd.readings}
        _check_verdict(odd, path)


def _check_canonical(read: CanonicalPath) -> None:
    assert _WIRE.fullmatch(read.wire)
    assert canonical_path(read.wire) == read
    assert not {"", ".", ".."} & set(read.segments)
    assert not any("/" in part or "\\" in part for part in read.segments)


def _check_verdict(path: CanonicalPath | OddPath, raw: bytes) -> None:
    if len(raw) < 200 and is_protected(raw.decode("latin-1"), "DELETE"):
        verdict = admit(POLICY, Call("DELETE", path))
        assert not isinstance(verdict, Pass), raw


PATHS: Final = Target("paths", _TARGETS, _check, examples=1500)
