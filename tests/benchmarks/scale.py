"""Scale: what an account, a rule and a worker cost when there are many of them.

python -m tests.benchmarks.scale [--accounts N ...] [--windows N ...] [--rules N ...] [--seconds N] [--publish]

Memory and time of the store's own commands are as the store tells them; time in this process is processor time, and
the best of several, so a busy machine changes little. Everything is on loopback and ends by itself.
"""

import argparse
import asyncio
import base64
import json
import random
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import redis

from mfa_gateway.core.account import AccountId, Factor, Proof, Standing
from mfa_gateway.core.call import CanonicalPath, canonical_path
from mfa_gateway.core.policy import Policy
from mfa_gateway.core.proof import Scope
from mfa_gateway.settings import load_settings, policy_of
from mfa_gateway.state.near import Name, NearStandings
from mfa_gateway.state.opening import StoreSettings, open_store
from mfa_gateway.state.server import find_program
from mfa_gateway.state.store import Store
from tests.benchmarks.cases import Stand
from tests.benchmarks.cores import EVERYWHERE, choose_cores
from tests.benchmarks.load import put_load
from tests.benchmarks.machine import machine
from tests.benchmarks.ours import running_gateway
from tests.benchmarks.population import REALM, populate, subject_of
from tests.benchmarks.processes import free_port, process
from tests.benchmarks.publish import RESULTS

_LOOK_UPS: Final = 2_000
_AT_A_TIME: Final = 16
_TRIES: Final = 5
_LEAST_RATIO: Final = 0.85
_HEAD: Final = """
upstream: http://127.0.0.1:9000
store: {{url: "redis://127.0.0.1:6379/0"}}
secrets: {{keys: ["{key}"]}}
identity:
  bearer:
    - {{realm: shop, issuer: "https://idp.test", audience: api, algorithms: [HS256], secret_file: ./issuer-secret}}
directory: {{source: store}}
factors: {{email: {{enabled: false}}}}
access_control:
  default_policy: open
  rules:
"""


@dataclass(frozen=True, slots=True)
class Accounts:
    """So many accounts, each with an authenticator and an open window.

    Attributes:
        bytes_each: of the store's memory, for an account with its window.
        recall_us: the store's time for what a call in grace asks, where nothing is remembered nearer.
        filled_s: how long it took to write them.
    """

    accounts: int
    bytes_each: float
    recall_us: float
    filled_s: float


@dataclass(frozen=True, slots=True)
class Windows:
    """So many windows remembered near: microseconds to find one."""

    windows: int
    look_up_us: float


@dataclass(frozen=True, slots=True)
class Rules:
    """So many rules: seconds to read and check them all, and microseconds to find the one for a call."""

    rules: int
    start_s: float
    look_up_us: float


@dataclass(frozen=True, slots=True)
class Workers:
    """Requests in a second of the workers' processor time, by one worker and by each of two, and their ratio."""

    one: float
    two: float
    ratio: float


def accounts(number: int) -> Accounts:
    """Measure a store with so many accounts. It takes a minute for a million, and about a GB of memory."""
    with TemporaryDirectory(prefix="scale-") as folder, _store(Path(folder)) as port:
        return asyncio.run(_accounts(number, f"redis://127.0.0.1:{port}/0"))


@contextmanager
def _store(folder: Path) -> Iterator[int]:
    port = free_port()
    command = [str(find_program()), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with process(command, core=EVERYWHERE, port=port, log=folder / "store.log"):
        yield port


async def _accounts(number: int, url: str) -> Accounts:
    store = await open_store(StoreSettings(url=url, keys=(secrets.token_bytes(32),), timeout=30.0))
    client = redis.Redis.from_url(url)
    try:
        names = await store._foundation.names()
        empty, began = _info(client, "memory")["used_memory"], time.monotonic()
        populate(client, names, store._foundation.vault, range(number))
        filled, full = time.monotonic() - began, _info(client, "memory")["used_memory"]
        client.config_resetstat()
        await _recall_some(store, number)
        told = _info(client, "commandstats")["cmdstat_evalsha"]
        return Accounts(number, (full - empty) / number, told["usec_per_call"], filled)
    finally:
        client.close()
        await store.close()


def _info(client: "redis.Redis", section: str) -> Any:
    return client.info(section)


async def _recall_some(store: Store, number: int) -> None:
    draw = random.Random(1)
    for _ in range(_LOOK_UPS // _AT_A_TIME):
        some = [AccountId(REALM, subject_of(draw.randrange(number))) for _ in range(_AT_A_TIME)]
        standings = await asyncio.gather(*(store.recall(one, scope=Scope.ACCOUNT, session="") for one in some))
        if not all(standing.proofs for standing in standings):
            raise ValueError("an account has no window")


def windows(number: int) -> Windows:
    """Measure a near cache with so many open windows in it."""
    near = NearStandings(entries=number, max_stale=3600.0)
    near.assure(time.monotonic())
    names = [(AccountId(REALM, subject_of(at)), Scope.ACCOUNT, "") for at in range(number)]
    standing = Standing(recorded=True, proofs=(Proof(Factor.TOTP, age_ms=1_000),))
    for name in names:
        question = near.ask(name[0].subject)
        near.learn(question, name, standing)
        near.give_up(question)
    chosen = random.Random(1).choices(names, k=_LOOK_UPS)
    return Windows(number, min(_find_us(near, chosen) for _ in range(_TRIES)))


def _find_us(near: NearStandings, names: Sequence[Name]) -> float:
    began = time.process_time()
    found = [near.known(name) for name in names]
    took = time.process_time() - began
    if None in found:
        raise ValueError("a window is not remembered")
    return took / len(names) * 1e6


def rules(number: int) -> Rules:
    """Measure a configuration with so many rules."""
    with TemporaryDirectory(prefix="scale-") as folder:
        config = _configuration(Path(folder), number)
        began = time.process_time()
        policy = policy_of(load_settings(config, environ={}))
        start = time.process_time() - began
    return Rules(number, start, min(_look_up_us(policy, number) for _ in range(_TRIES)))


def _configuration(folder: Path, number: int) -> Path:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    paths = [f"/api/area-{at % 100}/thing-{at}/{{id}}" for at in range(number)]
    # Neighbours ask for different things, so that rules which meet would conflict.
    lines = [
        f"    - {{name: rule-{at}, paths: ['{path}'], policy: mfa, grace: {at % 9 + 1}m}}"
        for at, path in enumerate(paths)
    ]
    (folder / "issuer-secret").write_text("a secret of a development issuer, long enough")
    (config := folder / "mfa-gateway.yaml").write_text(_HEAD.format(key=key) + "\n".join(lines) + "\n")
    return config


def _look_up_us(policy: Policy, number: int) -> float:
    draw = random.Random(1)
    chosen = [draw.randrange(number) for _ in range(_LOOK_UPS)]
    paths = [canonical_path(f"/api/area-{at % 100}/thing-{at}/7".encode()) for at in chosen]
    began = time.process_time()
    found = [policy.rules_for("GET", path, "") for path in paths if isinstance(path, CanonicalPath)]
    took = time.process_time() - began
    if [one.other.name for one in found] != [f"rule-{at}" for at in chosen]:
        raise ValueError("a call fell under a rule that is not its own")
    return took / _LOOK_UPS * 1e6


def workers(seconds: int, rounds: int = 3) -> Workers:
    """Measure one worker and two, in turn. Two have both cores, one of them with the load."""
    cores = choose_cores()
    found: dict[int, list[float]] = {1: [], 2: []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="scale-")))
        port = free_port()
        api = [sys.executable, "-m", "tests.benchmarks.api", str(port)]
        stack.enter_context(process(api, core=cores.others, port=port, log=folder / "api.log"))
        stands = {}
        for number in found:
            (place := folder / str(number)).mkdir()
            running = stack.enter_context(running_gateway(place, port, cores, workers=number))
            url = f"http://127.0.0.1:{running.port}/protected/300"
            stands[number] = Stand("small", f"{number} workers", url, (running.pid,), running.bearer())
        for at in range(rounds + 1):
            for number, stand in stands.items():
                run = put_load(stand, seconds=seconds if at else 1, cores=cores)
                found[number] += [1e6 / run.cpu_us] if at else []
    one, two = median(found[1]), median(found[2])
    return Workers(one, two, two / one)


def table(
    stores: Sequence[Accounts], caches: Sequence[Windows], policies: Sequence[Rules], crews: Workers | None
) -> str:
    """For people, in Markdown."""
    lines = [f"{machine()['cpu']}, {time.strftime('%Y-%m-%d', time.gmtime())}."]
    if stores:
        lines += ["", "| accounts, each with a window | store memory each | recall, store time |", "|--:|--:|--:|"]
        lines += [f"| {one.accounts:,} | {one.bytes_each:,.0f} B | {one.recall_us:.1f} µs |" for one in stores]
    if caches:
        lines += ["", "| windows remembered in a worker | found in |", "|--:|--:|"]
        lines += [f"| {one.windows:,} | {one.look_up_us:.2f} µs |" for one in caches]
    if policies:
        lines += ["", "| rules | read and checked in | look-up of a call |", "|--:|--:|--:|"]
        lines += [f"| {one.rules:,} | {one.start_s:.2f} s | {one.look_up_us:.1f} µs |" for one in policies]
    if crews is not None:
        lines += ["", "| workers | requests per second of a worker's processor time | |", "|--:|--:|---|"]
        lines += [f"| 1 | {crews.one:,.0f} | |"]
        state = "held" if crews.ratio >= _LEAST_RATIO else "not held"
        lines += [f"| 2 | {crews.two:,.0f} | {crews.ratio:.2f} of one's, at least {_LEAST_RATIO}: {state} |"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument("--accounts", type=int, nargs="*", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--rules", type=int, nargs="*", default=[1, 100, 10_000])
    parser.add_argument("--windows", type=int, nargs="*", default=[1, 1_000, 50_000])
    parser.add_argument("--seconds", type=int, default=4, help="of load on one worker and on two; 0: none")
    parser.add_argument("--publish", action="store_true", help="keep the tables with the project")
    asked = parser.parse_args()
    stores, policies = [accounts(number) for number in asked.accounts], [rules(number) for number in asked.rules]
    crews = workers(asked.seconds) if asked.seconds else None
    caches = [windows(number) for number in asked.windows]
    text = table(stores, caches, policies, crews)
    name = "scale" if asked.publish else "latest.scale"
    raw = {"accounts": [asdict(one) for one in stores], "rules": [asdict(one) for one in policies]}
    raw |= {"windows": [asdict(one) for one in caches], "workers": [asdict(crews)] if crews is not None else []}
    (RESULTS / f"{name}.json").write_text(json.dumps({**raw, "machine": machine()}, indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
