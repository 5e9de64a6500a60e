"""Work: how many steps the interpreter takes for one call, whatever else the machine does meanwhile.

python -m tests.benchmarks.work           prints the steps of each case as JSON
python -m tests.benchmarks.work --keep    and keeps them in `work.json`, which the suite compares with
python -m tests.benchmarks.work --where grace    prints in which functions they are taken

A whole gateway in one process: bytes of a request in, bytes of an answer out. Real are server, gate, identity, store
room, log and forwarding; sockets are not: an API that answers in the next turn of the loop, and a store whose replies
are fixed. Counted are the interpreter's instructions, and calls into compiled code in steps of their own, in everything
but the event loop. The least of several calls counts: what happens once a second, or once, does not.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FrameType
from typing import Any, Final, cast

from uvicorn.server import ServerState

from mfa_gateway.app import Gateway, server_terms
from mfa_gateway.cli.log import configure_log
from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.doors.asgi import ASGIApp
from mfa_gateway.doors.server import ServerTerms, make_server, new_event_loop
from mfa_gateway.doors.upstream.connection import Connection
from mfa_gateway.doors.upstream.pool import Pool
from mfa_gateway.settings import load_settings
from mfa_gateway.state import scripts
from mfa_gateway.state.digests import Digests
from mfa_gateway.state.enrolments import kept, sealed
from mfa_gateway.state.foundation import Names
from mfa_gateway.state.keys import AccountKeys, Keys
from mfa_gateway.state.store import _RECALLED
from mfa_gateway.state.vault import Vault
from tests.benchmarks.bare import Forwarding
from tests.benchmarks.population import REALM, secret_of, subject_of, token_of

KEPT: Final = Path(__file__).with_name("work.json")
# Counts repeat exactly. What is forgiven is what libraries change between the versions that are allowed.
TOLERANCE: Final = 0.05
# A call into compiled code costs about as much as so many instructions: enough that none can hide.
_COMPILED: Final = 5
_CALLS: Final = 12
_TURNS: Final = 200
_API_PORT: Final = 9000
_SECRET: Final = "a secret of a development issuer, long enough"
_REDEEMED: Final = [b"redeemed", b"totp"]
_MOMENT_MS: Final = 1_700_000_000_000
_ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"
_LOOP: Final = (f"{asyncio.__file__.rpartition('/')[0]}/", __file__)

_IN_GRACE, _UNPROVED = 0, 1
_CONFIG: Final = f"""
listen: 127.0.0.1:8080
upstream: http://127.0.0.1:9000
trusted_proxies: [127.0.0.1]
store: {{url: "redis://127.0.0.1:6379/0"}}
secrets: {{keys: ["{"A" * 43}="]}}
identity:
  bearer:
    - {{realm: {REALM}, issuer: "https://idp.test", audience: api, algorithms: [HS256], secret_file: ./issuer-secret}}
directory: {{source: store}}
factors: {{email: {{enabled: false}}}}
access_control:
  default_policy: open
  rules:
    - {{name: protected, paths: ["/protected/**"], policy: mfa, grace: 1d, scope: account}}
    - {{name: payments, paths: ["/payments/{{id}}"], methods: [POST], policy: mfa}}
"""


class Counter:
    """Counts steps while it is on."""

    def __init__(self) -> None:
        self.steps = 0
        self.places: dict[CodeType, int] = {}

    def start(self) -> None:
        """Count from now on."""
        self.steps, self.places = 0, {}
        sys.setprofile(self._profile)
        sys.settrace(self._trace)

    def stop(self) -> int:
        """Count no more; the steps so far."""
        sys.settrace(None)
        sys.setprofile(None)
        return self.steps

    def _trace(self, frame: FrameType, _event: str, _argument: object) -> Any:
        if frame.f_code.co_filename.startswith(_LOOP):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._step

    def _step(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "opcode":
            self._add(frame, 1)
        return self._step

    def _profile(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "c_call" and not frame.f_code.co_filename.startswith(_LOOP):
            self._add(frame, _COMPILED)

    def _add(self, frame: FrameType, steps: int) -> None:
        self.steps += steps
        self.places[frame.f_code] = self.places.get(frame.f_code, 0) + steps


class Wire:
    """A transport without a socket."""

    def __init__(self, on_write: Callable[[bytes], None], *ends: socket.socket) -> None:
        """`ends` are those of a pair of sockets: somebody may look whether the first can be read. It never can."""
        self._on_write = on_write
        self._ends = ends

    def write(self, data: bytes) -> None:
        """Take bytes."""
        self._on_write(data)

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Addresses, and a socket that nobody writes to, if there is one."""
        known: dict[str, object] = {"sockname": ("127.0.0.1", 8080), "peername": ("127.0.0.1", 50_000)}
        return self._ends[0] if name == "socket" and self._ends else known.get(name, default)

    def get_write_buffer_size(self) -> int:
        """Everything was taken."""
        return 0

    def is_closing(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Let go of the socket."""
        for end in self._ends:
            end.close()

    abort = close

    def pause_reading(self) -> None:
        """Nothing is read by itself."""

    resume_reading = pause_reading

    def set_write_buffer_limits(self, **_limits: int) -> None:
        """There is no buffer."""


class Through(Enum):
    """What a call goes through on its way to the API."""

    GATE = "the gateway"
    NOTHING = "its forwarding alone"


class Bench:
    """A gateway without sockets."""

    def __init__(self, folder: Path) -> None:
        (folder / "issuer-secret").write_text(_SECRET)
        (folder / "mfa-gateway.yaml").write_text(_CONFIG)
        settings = load_settings(folder / "mfa-gateway.yaml", environ={})
        self._gateway = Gateway(settings)
        terms = server_terms(settings)
        self._answers: list[bytes] = []
        self._wires: list[Wire] = []
        self._clients = {
            Through.GATE: self._client_of(self._gateway.app, terms),
            Through.NOTHING: self._client_of(Forwarding(_API_PORT), terms),
        }
        self._stub_store()
        # A test may look inside: there is no other way to have no socket.
        Pool._dial = self._dial  # type: ignore[method-assign,assignment]

    def _client_of(self, app: ASGIApp, terms: ServerTerms) -> Any:
        """A connection that somebody has opened."""
        config = make_server(app, host="127.0.0.1", port=0, terms=terms).config
        config.load()
        client = cast("Any", config.http_protocol_class)(config=config, server_state=ServerState(), app_state={})
        self._wires.append(Wire(self._answers.append))
        client.connection_made(self._wires[-1])
        return client

    def _stub_store(self) -> None:
        store = self._gateway._store
        names = Names(Keys(b"k" * 32), Digests(b"d" * 32))
        store._foundation._names = names
        recalled = {
            _keys(names, number).account: _recalled(names, store._foundation.vault, number)
            for number in (_IN_GRACE, _UNPROVED)
        }
        store._line.near.assure(time.monotonic() + 3600)

        async def ask(*words: Any) -> Any:
            return recalled[words[3]] if words[1] == scripts.RECALL.sha else _REDEEMED

        store._line.ask = ask  # type: ignore[method-assign]

    async def _dial(self, _loop: object, build: Callable[[], Connection]) -> Connection:
        connection, loop = build(), asyncio.get_running_loop()
        wire = Wire(lambda _data: cast("None", loop.call_soon(connection.data_received, _ANSWER)), *socket.socketpair())
        self._wires.append(wire)
        connection.connection_made(cast("asyncio.Transport", wire))
        return connection

    async def call(self, request: bytes, status: bytes, through: "Through") -> None:
        """Send one request and wait for its answer.

        Raises:
            ValueError: there is none, or another one than was expected.
        """
        self._answers.clear()
        self._clients[through].data_received(request)
        for _ in range(_TURNS):
            if self._answers:
                break
            await asyncio.sleep(0)
        if not b"".join(self._answers).startswith(b"HTTP/1.1 " + status):
            raise ValueError(f"not {status!r}: {self._answers} to {request!r}")
        for _ in range(3):
            await asyncio.sleep(0)

    def close(self) -> None:
        """Close what was opened."""
        for wire in self._wires:
            wire.close()


def _recalled(names: Names, vault: Vault, number: int) -> list[object]:
    """What the store would say: everybody has an authenticator, and one of them an open window."""
    tag = _keys(names, number).tag
    one = kept(names.digests, tag, Factor.TOTP, value=secret_of(number))
    fields = {
        "epoch": b"1",
        "recorded": b"1",
        "totp": b"active",
        "totp:sealed": f"{one.id}:{sealed(vault, one, tag=tag, factor=Factor.TOTP)}".encode(),
    }
    proofs = [b"totp", 1_000] if number == _IN_GRACE else []
    return [_MOMENT_MS, [fields.get(name) for name in _RECALLED], proofs]


def _keys(names: Names, number: int) -> AccountKeys:
    return names.keys.of(AccountId(REALM, subject_of(number)))


def _request(target: str, number: int, **fields: str) -> bytes:
    lines = [
        f"GET {target} HTTP/1.1",
        "Host: shop.test",
        f"Authorization: Bearer {token_of(subject_of(number), _SECRET)}",
    ]
    lines += ["Accept: application/json", "User-Agent: somebody/1.0"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _cases() -> Mapping[str, tuple[bytes, bytes, Through]]:
    check = "/_mfa/forward-auth/nginx?overwrites=cookie,x-api-key,proxy-authorization"
    asked = {"X_Original_Method": "GET", "X_Original_URL": "http://shop.test/protected/300"}
    return {
        "ungated": (_request("/open/300", _IN_GRACE), b"200", Through.NOTHING),
        "open": (_request("/open/300", _IN_GRACE), b"200", Through.GATE),
        "grace": (_request("/protected/300", _IN_GRACE), b"200", Through.GATE),
        "code": (_request("/protected/300", _UNPROVED, X_MFA_Code="123456"), b"200", Through.GATE),
        "refused": (_request("/protected/300", _UNPROVED), b"403", Through.GATE),
        "forward-auth": (_request(check, _IN_GRACE, **asked), b"200", Through.GATE),
    }


async def count(*, places: dict[str, dict[CodeType, int]] | None = None) -> dict[str, int]:
    """The steps of one call of each case; in `places`, by case, the functions in which they are taken."""
    counter, steps = Counter(), {}
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for name, asked in _cases().items():
            for _ in range(_CALLS):
                await bench.call(*asked)  # what is remembered is remembered then
            least = sys.maxsize
            for _ in range(_CALLS):
                counter.start()
                await bench.call(*asked)
                if counter.stop() < least:
                    least = counter.steps
                    if places is not None:
                        places[name] = counter.places
            steps[name] = least
        bench.close()
    return steps


def told(places: Mapping[CodeType, int]) -> str:
    """Functions and their own steps, the dearest first."""
    ordered = sorted(places.items(), key=lambda place: -place[1])
    return "".join(f"{steps:7,}  {_name(code)}\n" for code, steps in ordered)


def _name(code: CodeType) -> str:
    file = code.co_filename.rpartition("site-packages/")[2].rpartition("mfa_gateway/")[2]
    return f"{file}:{code.co_firstlineno} {code.co_qualname}"


def version() -> str:
    """Interpreters of one version take the same steps; another's are others."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def kept_steps() -> dict[str, dict[str, int]]:
    """What was kept, by version of the interpreter."""
    found: dict[str, dict[str, int]] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def strayed(steps: Mapping[str, int], before: Mapping[str, int]) -> list[str]:
    """What is to be said of the cases that take more or fewer steps than before, beyond the tolerance."""
    return [
        f"{case}: {steps.get(case, 0)} steps, {before.get(case, 0)} before"
        for case in sorted(steps.keys() | before.keys())
        if abs(steps.get(case, 0) - before.get(case, 0)) > TOLERANCE * before.get(case, 0)
    ]


def main() -> None:
    """Run the program."""
    configure_log()
    places: dict[str, dict[CodeType, int]] = {}
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        steps = runner.run(count(places=places))
    if sys.argv[1:2] == ["--where"]:
        sys.stdout.write(told(places[sys.argv[2]]))
        return
    if "--keep" in sys.argv[1:]:
        KEPT.write_text(json.dumps({**kept_steps(), version(): steps}, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(steps) + "\n")


if __name__ == "__main__":
    main()
