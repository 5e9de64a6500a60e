"""Ours: the gateway as a contender, with one worker and a store that shares the other core.

mfa_gateway                as it is configured by default
mfa_gateway-far            the same without its near cache: every protected call asks the store
mfa_gateway-interpreted    the same from its sources, where it is the compiled build that is measured
mfa_gateway-bare           its server and its forwarding, without the gate
checks, empty              questions of proxies; and uvicorn with an application that answers 200 to anybody
"""

import asyncio
import base64
import re
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from threading import Event
from typing import Final

import httpx2
import redis

from mfa_gateway.cli.build import Build, build
from mfa_gateway.state.foundation import Names
from mfa_gateway.state.opening import StoreSettings, open_store
from mfa_gateway.state.server import find_program
from tests.benchmarks.cases import Feed, Stand, forwarding_stands
from tests.benchmarks.cores import Cores
from tests.benchmarks.population import AUDIENCE, ISSUER, REALM, STEP, code_of, populate, subject_of, token_of
from tests.benchmarks.processes import free_port, process

OPEN: Final = "mfa_gateway, open route"
GRACE: Final = "mfa_gateway, protected route in grace"
FAR: Final = "mfa_gateway, in grace, without near cache"
INTERPRETED: Final = "mfa_gateway, in grace, interpreted"
BARE: Final = "mfa_gateway's forwarding, without a gate"
EMPTY: Final = "uvicorn answering 200, an empty application"
OURS: Final = "mfa_gateway"

# As many accounts as the near cache remembers by default (near_cache.entries).
NEAR_ENTRIES: Final = 50_000
# The first has an open window and asks most; the second never proves anything.
_IN_GRACE, _UNPROVED, _FIRST = 0, 1, 2
# Where the sources are, for a process that is to run them and not the build that we run.
_SOURCES: Final = {"PYTHONPATH": str(Path(__file__).parents[2])}
# How many ask at a time before the run, and how often where the store is slow.
_ASKING: Final = 16
_TRIES: Final = 5
_LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
# A code is good for a step more than it is shown, so this much of one is enough to begin with, in seconds.
_LEAST_LEFT: Final = 2
# More codes than any contender here could redeem in a second.
_CODES_A_SECOND: Final = 8_000


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that runs."""

    port: int
    pid: int
    secret: str = field(repr=False)

    def bearer(self, number: int = _IN_GRACE) -> dict[str, str]:
        """What somebody presents."""
        return {"Authorization": f"Bearer {token_of(subject_of(number), self.secret)}"}


@contextmanager
def running_gateway(
    folder: Path,
    api_port: int,
    cores: Cores,
    *,
    more: str = "",
    accounts: int = _FIRST,
    workers: int = 1,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """A gateway with so many accounts, all but the second of them in grace. `more` is added to its configuration."""
    port, store_port, secret = free_port(), free_port(), secrets.token_urlsafe(48)
    key = secrets.token_bytes(32)
    (folder / "keys").write_text(base64.b64encode(key).decode())
    (folder / "issuer-secret").write_text(secret)
    config = folder / "mfa-gateway.yaml"
    config.write_text(_settings(port, api_port, store_port, workers) + more)
    store = [str(find_program()), "--bind", "127.0.0.1", "--port", str(store_port), "--save", "", "--dir", str(folder)]
    serve = [sys.executable, "-m", "mfa_gateway", "serve", "--config", str(config)]
    with process(store, core=cores.others, port=store_port, log=folder / "store.log"):
        _fill(f"redis://127.0.0.1:{store_port}/0", key, accounts)
        # Two workers on one core would only take turns.
        where = cores.contender if workers == 1 else (cores.contender, cores.others)
        with process(serve, core=where, port=port, log=folder / "gateway.log", environ=environ) as pid:
            yield Running(port, pid, secret)


def _settings(port: int, api_port: int, store_port: int, workers: int) -> str:
    return f"""
listen: 127.0.0.1:{port}
workers: {workers}
upstream: http://127.0.0.1:{api_port}
store: {{url: "redis://127.0.0.1:{store_port}/0", timeout: 1s}}
secrets: {{keys_file: ./keys}}
identity:
  bearer:
    - {{realm: {REALM}, issuer: "{ISSUER}", audience: {AUDIENCE}, algorithms: [HS256], secret_file: ./issuer-secret}}
directory: {{source: store}}
factors: {{email: {{enabled: false}}}}
access_control:
  default_policy: open
  rules:
    - {{name: protected, paths: ["/protected/**"], policy: mfa, grace: 1d, scope: account}}
"""


def _fill(url: str, key: bytes, accounts: int) -> None:
    async def names_of() -> tuple[Names, object]:
        store = await open_store(StoreSettings(url=url, keys=(key,), timeout=10.0))
        try:
            return await store._foundation.names(), store._foundation.vault
        finally:
            await store.close()

    names, vault = asyncio.run(names_of())
    with redis.Redis.from_url(url) as client:
        populate(client, names, vault, [_IN_GRACE, *range(_FIRST, accounts)])  # type: ignore[arg-type]
        populate(client, names, vault, [_UNPROVED], has_windows=False)  # type: ignore[arg-type]


class EachAccount(Feed):
    """Everybody in turn, again and again. All are asked once before, so that whatever remembers them is full."""

    def __init__(self, running: Running, folder: Path, accounts: int) -> None:
        self._file = folder / "accounts"
        tokens = _tokens(running, accounts)
        self._file.write_text("".join(f"{token}\n" for token in tokens))
        asyncio.run(_ask_all(running.port, tokens))

    def refill(self, seconds: int) -> Path:  # noqa: ARG002 - the file serves for any time
        return self._file


async def _ask_all(port: int, tokens: list[str]) -> None:
    """Let everybody make one call.

    Raises:
        ValueError: somebody does not get through, however often he tries.
    """
    left = iter(tokens)

    async def ask_some() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for token in left:
            tries = 1
            while (status := await _ask(reader, writer, token)) != b"200" and tries < _TRIES:
                tries += 1
            if status != b"200":
                raise ValueError(f"somebody in grace gets {status!r}")
        writer.close()

    await asyncio.gather(*(ask_some() for _ in range(_ASKING)))


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> bytes:
    """Make one call; the status of its answer."""
    call = f"GET /protected/300 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    writer.write(call.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    await reader.readexactly(int(length.group(1)) if length else 0)
    return head.split()[1]


class EachCode(Feed):
    """Somebody else each time, with the code that an authenticator shows now; nobody twice within a step of it."""

    def __init__(self, running: Running, folder: Path, accounts: int) -> None:
        self._file = folder / "codes"
        self._tokens = _tokens(running, accounts)
        self._turn = cycle(range(len(self._tokens)))
        self._used: dict[int, int] = {}

    def refill(self, seconds: int) -> Path:
        wanted = list(islice(self._turn, min(seconds * _CODES_A_SECOND, len(self._tokens))))
        # An authenticator shows the next code when the step is over, and not before.
        over = Event()
        while any(self._used.get(at) == _step() for at in wanted) or time.time() % STEP > STEP - _LEAST_LEFT:
            over.wait(STEP - time.time() % STEP)
        now = time.time()
        self._used.update(dict.fromkeys(wanted, _step()))
        self._file.write_text("".join(f"{self._tokens[at]} {code_of(at + _FIRST, now)}\n" for at in wanted))
        return self._file


def _step() -> int:
    return int(time.time() // STEP)


def _tokens(running: Running, accounts: int) -> list[str]:
    return [token_of(subject_of(number), running.secret) for number in range(_FIRST, accounts)]


@contextmanager
def gateway(folder: Path, api_port: int, cores: Cores, chosen: frozenset[str]) -> Iterator[tuple[Stand, ...]]:
    """Every case that there is, of a gateway as it is configured by default."""
    accounts = _FIRST + (NEAR_ENTRIES if chosen & {"code", "accounts"} else 0)
    with running_gateway(folder, api_port, cores, accounts=accounts) as running:
        base, bearer = f"http://127.0.0.1:{running.port}/protected/300", running.bearer()
        unproved = running.bearer(_UNPROVED)
        _check_gate(base, bearer, unproved)
        pids = (running.pid,)
        stands = [
            *forwarding_stands(OPEN, running.port, pids, headers=bearer),
            *forwarding_stands(GRACE, running.port, pids, headers=bearer, route="protected"),
            Stand("refused", OURS, base, pids, unproved, expects=403),
        ]
        if accounts > _FIRST:
            stands.append(Stand("code", OURS, base, pids, feed=EachCode(running, folder, accounts)))
            stands.append(Stand("accounts", OURS, base, pids, feed=EachAccount(running, folder, accounts)))
        yield tuple(stands)


def _check_gate(url: str, bearer: dict[str, str], unproved: dict[str, str]) -> None:
    statuses = [httpx2.get(url, headers=headers).status_code for headers in ({}, unproved, bearer)]
    if statuses != [403, 403, 200]:
        raise ValueError(f"the gate is not on: {statuses} to nobody, to somebody unproved, and to somebody in grace")


@contextmanager
def far_gateway(folder: Path, api_port: int, cores: Cores, _chosen: frozenset[str]) -> Iterator[tuple[Stand, ...]]:
    """Without the near cache."""
    with running_gateway(folder, api_port, cores, more="near_cache: {enabled: false}\n") as running:
        stands = forwarding_stands(FAR, running.port, (running.pid,), headers=running.bearer(), route="protected")
        yield tuple(stand for stand in stands if stand.case == "small")


@contextmanager
def interpreted(folder: Path, api_port: int, cores: Cores, _chosen: frozenset[str]) -> Iterator[tuple[Stand, ...]]:
    """What compiling is worth.

    Raises:
        ValueError: nothing is compiled.
    """
    if build() is Build.INTERPRETED:
        raise ValueError("the interpreted build is what is measured")
    with running_gateway(folder, api_port, cores, environ=_SOURCES) as running:
        stands = forwarding_stands(
            INTERPRETED, running.port, (running.pid,), headers=running.bearer(), route="protected"
        )
        yield tuple(stand for stand in stands if stand.case == "small")


@contextmanager
def bare(folder: Path, api_port: int, cores: Cores, _chosen: frozenset[str]) -> Iterator[tuple[Stand, ...]]:
    """Our server and our forwarding, without the gate."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.bare", "forwarding", str(port), str(api_port)]
    token = {"Authorization": f"Bearer {token_of(subject_of(_IN_GRACE), 'x' * 32)}"}
    with process(command, core=cores.contender, port=port, log=folder / "bare.log") as pid:
        yield forwarding_stands(BARE, port, (pid,), headers=token)


@contextmanager
def checks(folder: Path, api_port: int, cores: Cores, _chosen: frozenset[str]) -> Iterator[tuple[Stand, ...]]:
    """The questions that nginx asks, asked by the load itself."""
    with deciding_gateway(folder, api_port, cores) as running:
        question = {
            **running.bearer(),
            "X-Original-Method": "GET",
            "X-Original-URL": f"http://127.0.0.1:{running.port}/protected/300",
        }
        url = f"http://127.0.0.1:{running.port}/_mfa/forward-auth/nginx?overwrites=cookie,x-api-key,proxy-authorization"
        yield (Stand("checks", OURS, url, (running.pid,), question),)


@contextmanager
def deciding_gateway(folder: Path, api_port: int, cores: Cores) -> Iterator[Running]:
    """A gateway that proxies of this machine may ask."""
    with running_gateway(folder, api_port, cores, more="trusted_proxies: [127.0.0.1]\n") as running:
        yield running


@contextmanager
def empty(folder: Path, _api_port: int, cores: Cores, _chosen: frozenset[str]) -> Iterator[tuple[Stand, ...]]:
    """What answering costs in uvicorn when nothing is asked."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.bare", "empty", str(port)]
    token = {"Authorization": f"Bearer {token_of(subject_of(_IN_GRACE), 'x' * 32)}"}
    with process(command, core=cores.contender, port=port, log=folder / "empty.log") as pid:
        yield (Stand("checks", EMPTY, f"http://127.0.0.1:{port}/", (pid,), token),)
