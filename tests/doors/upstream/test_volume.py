import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

GIB = 1 << 30
PIECE = b"x" * (1 << 20)
MOST_GROWTH_KIB = 20 * 1024
DEADLINE = 60.0

Talk = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Process:
    """A gateway under way."""

    pid: int
    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)

    @property
    def peak_kib(self) -> int:
        """The most memory the process has ever had resident."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text(encoding="ascii"))
        assert found is not None
        return int(found[1])


class Upstream:
    """Talks on one connection after another, in a thread of its own."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.talk: Talk = lambda _: None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(DEADLINE)
                self.talk(connection)

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join(DEADLINE)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.stop()


@pytest.fixture
def gateway(upstream: Upstream) -> Iterator[Process]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listening = listener.fileno()
        command = [
            sys.executable,
            str(Path(__file__).with_name("gateway_process.py")),
            str(listening),
            str(upstream.port),
        ]
        with subprocess.Popen(command, pass_fds=(listening,)) as process:
            yield Process(process.pid, listener.getsockname()[1])
            process.terminate()
            assert process.wait(DEADLINE) is not None


def read_head(connection: socket.socket) -> bytes:
    """Read to the end of a head, and what came with it."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(65_536)
        assert data
        received += data
    return received


def drain(connection: socket.socket, size: int) -> None:
    """Read exactly so many bytes and forget them."""
    buffer = bytearray(1 << 20)
    while size:
        count = connection.recv_into(buffer, min(size, len(buffer)))
        assert count
        size -= count


def pour(connection: socket.socket, size: int) -> None:
    for _ in range(size // len(PIECE)):
        connection.sendall(PIECE)


def sending(size: int) -> Talk:
    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size)
        pour(connection, size)

    return talk


def taking(size: int) -> Talk:
    def talk(connection: socket.socket) -> None:
        _, _, body = read_head(connection).partition(b"\r\n\r\n")
        drain(connection, size - len(body))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    return talk


def download(gateway: Process, size: int) -> None:
    with closing(gateway.connect()) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n")
        head, _, body = read_head(client).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        drain(client, size - len(body))


def upload(gateway: Process, size: int) -> None:
    with closing(gateway.connect()) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nHost: api.test\r\nContent-Length: %d\r\n\r\n" % size)
        pour(client, size)
        assert read_head(client).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("talk", "use"), [(sending, download), (taking, upload)], ids=["down", "up"])
def test_a_gibibyte_takes_no_memory(
    gateway: Process, upstream: Upstream, talk: Callable[[int], Talk], use: Callable[[Process, int], None]
) -> None:
    upstream.talk = talk(len(PIECE))
    use(gateway, len(PIECE))
    before = gateway.peak_kib
    upstream.talk = talk(GIB)
    use(gateway, GIB)
    assert gateway.peak_kib - before < MOST_GROWTH_KIB
