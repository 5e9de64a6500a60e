"""The image's installation and the base's pod, run for real: as process 1, nobody, on files that cannot be written."""

import asyncio
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import yaml
from redis.asyncio import Redis

from mfa_gateway.cli import probing
from mfa_gateway.state.server import find_program
from tests.deploy.container import Contained, need_namespaces
from tests.deploy.image import install
from tests.deploy.layout import Layout, contents
from tests.deploy.manifests import DEPLOY, KUSTOMIZE, gateways, kustomized
from tests.e2e.installation import Recorder, answer, free_port
from tests.e2e.valkey import Valkey
from tests.e2e.waiting import until

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """An installation that everybody may read."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield install(folder)
    shutil.rmtree(folder)


@pytest.fixture
async def api() -> AsyncIterator[Recorder]:
    api = Recorder()
    await api.start()
    yield api
    await api.stop()


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder below which everybody may read, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


class Running:
    """A pod of the base, with what is around it."""

    def __init__(self, layout: Layout, contained: Contained, environ: dict[str, str], bin_: Path) -> None:
        self.layout = layout
        self.contained = contained
        self.environ = environ
        self._bin = bin_

    def url(self, key: str) -> str:
        return f"http://{self.environ[f'MFA_GATEWAY_{key}']}"

    async def token(self) -> str:
        words = [str(self._bin / "mfa-gateway"), "token", "--config", str(self.layout.config), "--subject", "ada"]
        words += ["--claim", "email=ada@shop.test", "--claim", "email_verified=true"]
        environ = self.environ | {"PATH": os.environ["PATH"]}
        process = await asyncio.create_subprocess_exec(*words, env=environ, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        return output.decode().strip()


def _around(layout: Layout, api: Recorder, store: str) -> dict[str, str]:
    """What an overlay would change: where things are on this machine."""
    bearer = {
        "realm": "shop", "issuer": "https://idp.test", "audience": "shop-api", "algorithms": ["HS256"],
        "secret_file": layout.here("/run/secrets/mfa-gateway/issuer-secret"),
    }  # fmt: skip
    asked = {name: f"127.0.0.1:{free_port()}" for name in layout.environ if name.endswith("EXT_AUTHZ__LISTEN")}
    return layout.environ | {
        **asked,
        "MFA_GATEWAY_LISTEN": f"127.0.0.1:{free_port()}",
        "MFA_GATEWAY_OPS_LISTEN": f"127.0.0.1:{free_port()}",
        "MFA_GATEWAY_UPSTREAM": f"http://127.0.0.1:{api.port}",
        "MFA_GATEWAY_IDENTITY__BEARER": json.dumps([bearer]),
        "MFA_GATEWAY_TIMEOUTS__NOTICE": "0s",
        **({"MFA_GATEWAY_STORE__DATA_DIR": store} if store.startswith("/") else {}),
    }


@asynccontextmanager
async def running(
    place: Path, image: Path, api: Recorder, *, store: str, writable: list[Path], what: str = "base"
) -> AsyncIterator[Running]:
    await need_namespaces()
    manifests = kustomized(KUSTOMIZE / what)
    (pod,) = gateways(manifests)
    url = store if "://" in store else "embedded"
    layout = Layout(place, pod, manifests, contents(store=url))
    environ = _around(layout, api, store)
    words = [str(image / "mfa-gateway"), *layout.arguments]
    folder = layout.config.parent
    async with Contained(words, environ, folder, place / "log", writable) as contained:
        line = await contained.line()
        assert "listens on" in line, (place / "log").read_text()
        yield Running(layout, contained, environ, image)


@pytest.fixture
async def pod(place: Path, image: Path, api: Recorder) -> AsyncIterator[Running]:
    """The base's pod with a Valkey beside it."""
    async with Valkey(place / "store.sock") as valkey:
        (place / "store.sock").chmod(0o777)
        async with running(place, image, api, store=valkey.url, writable=[]) as found:
            yield found


async def test_the_base_s_pod_serves_as_it_stands(pod: Running, api: Recorder) -> None:
    async with httpx2.AsyncClient(base_url=pod.url("LISTEN")) as client:
        ready = await client.get(pod.url("OPS_LISTEN") + "/readyz")
        opened = await client.get("/catalog")
        anonymous = await client.patch("/customer-password/42")
        unproved = await client.patch("/customer-password/42", headers={"Authorization": f"Bearer {await pod.token()}"})

    assert (ready.status_code, ready.json()["store"]) == (200, "up")
    assert opened.status_code == 200
    assert answer(anonymous) == "403/002"
    assert answer(unproved) == "403/5906"
    assert [(one.method, one.target) for one in api.seen] == [("GET", "/catalog")]


async def test_the_image_has_what_answers_envoy(place: Path, image: Path, api: Recorder) -> None:
    away = "redis://127.0.0.1:1/0"
    async with running(place, image, api, store=away, writable=[], what="overlays/envoy-gateway") as found:
        host, _, port = found.environ["MFA_GATEWAY_EXT_AUTHZ__LISTEN"].partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        # A server of HTTP/2 begins with its settings (RFC 9113 section 3.4), frame type 4.
        assert (await reader.readexactly(9))[3] == 4
        writer.close()
        await writer.wait_closed()


async def test_process_1_stops_when_it_is_told_to(pod: Running) -> None:
    pod.contained.signal(signal.SIGTERM)

    assert await pod.contained.ended() == 0


_ATTEMPTS = """
import os, pathlib, sys

assert os.getpid() == 1
for folder in sys.argv[1:]:
    try:
        pathlib.Path(folder, "attempt-to-write").write_text("x")
        print("written")
    except OSError as error:
        print(error.strerror)
"""


async def test_nothing_can_be_written_but_the_volumes(place: Path, image: Path) -> None:
    await need_namespaces()
    (place / "data").mkdir()
    words = [str(image / "python"), "-c", _ATTEMPTS, str(place), str(place.parent), str(place / "data")]
    async with Contained(words, {}, place, place / "log", [place / "data"]) as contained:
        said = [(await contained.line()).strip() for _ in range(3)]

    assert said == ["Read-only file system", "Read-only file system", "written"]


async def test_the_sample_api_of_compose_runs_from_the_image(place: Path, image: Path) -> None:
    await need_namespaces()
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["api"]
    (program, application), port = service["entrypoint"], free_port()
    given = service["command"][service["command"].index("--port") + 1]
    module, url = service["healthcheck"]["test"][3:]
    url = url.replace(f":{given}/", f":{port}/")
    words = [str(image / "python"), "-m", Path(program).name, application, "--host", "127.0.0.1", "--port", str(port)]
    async with Contained(words, {}, place, place / "log"):
        await until(lambda: probing.trouble_at(url) is None)

    assert module == probing.__name__


async def test_an_embedded_store_lives_in_its_volume(place: Path, image: Path, api: Recorder) -> None:
    data = place / "data"
    data.mkdir()
    async with running(place, image, api, store=str(data), writable=[data]) as found:
        async with httpx2.AsyncClient() as client:
            ready = await client.get(found.url("OPS_LISTEN") + "/readyz")
        found.contained.signal(signal.SIGTERM)
        code = await found.contained.ended()

    assert ready.json()["store"] == "up"
    assert code == 0
    assert any(data.iterdir())


async def test_the_health_check_of_the_image_says_how_it_is(pod: Running, image: Path) -> None:
    words = [str(image / "python"), "-m", "mfa_gateway.cli.probing", pod.url("OPS_LISTEN") + "/readyz"]
    process = await asyncio.create_subprocess_exec(*words, cwd=pod.layout.root, env={"PYTHONDONTWRITEBYTECODE": "1"})

    assert await process.wait() == 0


async def test_a_bad_configuration_is_told_apart_by_its_exit_code(place: Path, image: Path) -> None:
    await need_namespaces()
    (place / "mfa-gateway.yaml").write_text("listen: nowhere\n")
    words = [str(image / "mfa-gateway"), "serve", "--config", str(place / "mfa-gateway.yaml")]
    async with Contained(words, {}, place, place / "log") as contained:
        assert await contained.ended() == 2


async def test_a_signal_is_heard_while_everything_is_still_loading(place: Path, image: Path) -> None:
    """The kernel gives process 1 no signal that it has no handler for: it would be killed only much later."""
    await need_namespaces()
    # A configuration that never comes to its end, since we keep its other end.
    fifo = place / "mfa-gateway.yaml"
    os.mkfifo(fifo)
    held = os.open(fifo, os.O_RDWR)
    words = [str(image / "mfa-gateway"), "serve", "--config", str(fifo)]
    try:
        async with Contained(words, {}, place, place / "log") as contained:
            await until(lambda: fifo in _open_files(contained))
            contained.signal(signal.SIGTERM)
            assert await contained.ended() == 1
    finally:
        os.close(held)


def _open_files(contained: Contained) -> list[Path]:
    """What process 1 has open."""
    try:
        return [one.readlink() for one in Path(f"/proc/{contained.pid}/fd").iterdir()]
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return []


async def test_the_cluster_s_valkey_takes_its_configuration(place: Path) -> None:
    (place / "data").mkdir()
    (place / "valkey-password.conf").write_text("requirepass secret\n")
    text = (KUSTOMIZE / "components" / "valkey" / "valkey.conf").read_text()
    assert "port 6379\n" in text
    text = text.replace("/run/secrets/valkey", str(place)).replace("/data", str(place / "data"))
    text = text.replace("port 6379\n", f"port 0\nunixsocket {place}/store.sock\n")
    (place / "valkey.conf").write_text(text)
    server = await asyncio.create_subprocess_exec(
        str(find_program()), str(place / "valkey.conf"), stdout=asyncio.subprocess.PIPE
    )
    try:
        client = Redis(unix_socket_path=str(place / "store.sock"), password="secret", decode_responses=True)
        await until((place / "store.sock").exists)
        assert await client.config_get("maxmemory-policy", "appendfsync") == {
            "maxmemory-policy": "noeviction",
            "appendfsync": "always",
        }
        await client.aclose()
    finally:
        server.terminate()
        await server.communicate()
