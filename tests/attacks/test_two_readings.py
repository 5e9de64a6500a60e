"""The differential test of the path: what the gateway calls open, no server behind it takes for something protected.

A hundred thousand targets are read by the gateway's own canonical path and policy. Where the gate says "open", the
bytes that it would forward are given to four kinds of server; what it refuses, or asks a factor for, none of them gets.
The same is done for the mode in which odd targets go on as they came, and with a gate that reads paths as a naive one
does, which has to be found out. How many of the targets are protected at all, the two servers in this process say.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from mfa_gateway.core.call import CanonicalPath, Oddity, OddPath, Reading, canonical_path, canonical_query
from mfa_gateway.core.pattern import Pattern, read_pattern
from mfa_gateway.core.policy import Access, Policy, Requirement, Rule
from mfa_gateway.core.readings import odd_path
from mfa_gateway.core.strictest import strictest_candidates
from tests.attacks.ground import dice
from tests.attacks.readers import PATTERNS, FlaskReader, Missing, Reader, StarletteReader, nginx, node
from tests.attacks.targets import targets
from tests.e2e.processes import miss

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

NUMBER = 100_000
# Enough for a naive gate to be found out many times over.
NAIVE = 15_000
SHARE = 0.2
SERVERS = ("Starlette", "Flask", "nginx", "Express")


def _pattern(text: str) -> Pattern:
    pattern = read_pattern(text)
    assert isinstance(pattern, Pattern)
    return pattern


POLICY = Policy(
    [Rule("protected", tuple(_pattern(text) for text in PATTERNS), Requirement(Access.MFA))],
    default=Requirement(Access.OPEN),
)  # fmt: skip


def _is_open(path: CanonicalPath | Reading) -> bool:
    return POLICY.rules_for("GET", path, "").strictest().requirement.access is Access.OPEN


# --- Gates: what of a target would be forwarded unseen, if anything ----------------------------

Gate = Callable[[bytes], bytes | None]


def canonical(target: bytes) -> bytes | None:
    """The gateway as it is."""
    raw, mark, query = target.partition(b"?")
    path = canonical_path(raw)
    if isinstance(path, Oddity) or isinstance(canonical_query(query), Oddity) or not _is_open(path):
        return None
    return path.wire + mark + query


def strictest(target: bytes) -> bytes | None:
    """The gateway where `odd_targets: strictest` is set: every reading has to be open, and the bytes go on."""
    raw, _, query = target.partition(b"?")
    if not isinstance(canonical_path(raw), Oddity):
        return canonical(target)
    path = odd_path(raw)
    if not isinstance(path, OddPath) or isinstance(canonical_query(query), Oddity):
        return None
    rule = strictest_candidates(POLICY, "GET", path, host="").strictest()
    return target if rule.requirement.access is Access.OPEN else None


def naive(target: bytes) -> bytes | None:
    """A gate that takes the bytes for the path."""
    text = target.partition(b"?")[0].decode("latin-1")
    return target if _is_open(Reading(tuple(text[1:].removesuffix("/").split("/")))) else None


# --- Everything is asked once ------------------------------------------------------------------


@dataclass
class Comparison:
    """What was asked, what the gates forward of it, and what each server takes for protected."""

    targets: list[bytes]
    forwarded: Mapping[Gate, Mapping[bytes, bytes]]
    protected: dict[str, set[bytes]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def sent(self) -> list[bytes]:
        """Every sequence of bytes that some gate forwards."""
        return list(dict.fromkeys(sent for gate in self.forwarded.values() for sent in gate.values()))

    def served(self, server: str, gate: Gate) -> list[tuple[bytes, bytes]]:
        """The targets that this gate lets through unseen and this server hands to a protected handler."""
        if server in self.missing:
            miss(self.missing[server])
        forwarded, protected = self.forwarded[gate], self.protected[server]
        return [(target, sent) for target, sent in forwarded.items() if sent in protected]


def _forwarded(gate: Gate, made: Iterable[bytes]) -> dict[bytes, bytes]:
    found = {target: gate(target) for target in made}
    return {target: sent for target, sent in found.items() if sent is not None}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def compared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Comparison]:
    made = [target.encode("latin-1") for target in targets(dice("differential"), NUMBER)]
    forwarded: dict[Gate, Mapping[bytes, bytes]] = {gate: _forwarded(gate, made) for gate in (canonical, strictest)}
    comparison = Comparison(made, {**forwarded, naive: _forwarded(naive, made[:NAIVE])})
    async with AsyncExitStack() as stack:
        everything, sent = list(dict.fromkeys([*made, *comparison.sent])), comparison.sent
        readers: dict[Reader, list[bytes]] = {StarletteReader(): everything, FlaskReader(): everything}
        for name, server in (("nginx", nginx(tmp_path_factory.mktemp("nginx"))), ("Express", node())):
            try:
                readers[await stack.enter_async_context(server)] = sent
            except Missing as missing:
                comparison.missing[name] = str(missing)
        found = await asyncio.gather(*(reader.protected(asked) for reader, asked in readers.items()))
    comparison.protected.update({reader.name: one for reader, one in zip(readers, found, strict=True)})
    yield comparison


async def test_enough_of_the_targets_are_protected_somewhere(compared: Comparison) -> None:
    reached = set().union(*compared.protected.values())
    assert sum(target in reached for target in compared.targets) >= SHARE * NUMBER
    # And enough of them are open: a gate that refuses everything would pass every other test here.
    assert len(compared.forwarded[canonical]) >= 0.1 * NUMBER
    assert len(compared.forwarded[strictest]) > len(compared.forwarded[canonical])


@pytest.mark.parametrize("gate", [canonical, strictest], ids=lambda gate: gate.__name__)
@pytest.mark.parametrize("server", SERVERS)
async def test_what_the_gate_calls_open_no_server_takes_for_protected(
    compared: Comparison, server: str, gate: Gate
) -> None:
    found = compared.served(server, gate)
    assert found == [], f"{len(found)} of them, such as {found[:5]}"


@pytest.mark.parametrize("server", SERVERS)
async def test_a_gate_that_takes_the_bytes_for_the_path_is_found_out(compared: Comparison, server: str) -> None:
    assert len(compared.served(server, naive)) > 100


async def test_a_router_that_minds_no_case_differs_by_case_alone() -> None:
    """Case is exact here. Express minds it only where it is told to, which is for the operator to do."""
    made = [target.encode("latin-1") for target in targets(dice("case"), 5_000)]
    forwarded = _forwarded(canonical, made)
    try:
        async with node(minds_case=False) as reader:
            protected = await reader.protected(list(dict.fromkeys(forwarded.values())))
    except Missing as missing:
        miss(str(missing))
    served = [sent for sent in forwarded.values() if sent in protected]
    assert served
    assert all(canonical(sent.lower()) is None for sent in served)
