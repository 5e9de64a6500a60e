"""probe: what it says of a gateway, by its exit code."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mfa_gateway.cli.probing import probe, trouble_at


class Station(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response({"/readyz": 200, "/moved": 302}.get(self.path, 503))
        self.end_headers()
        self.wfile.write(b'{"ready": false}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Station) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_answers_200_is_well(url: str) -> None:
    assert trouble_at(f"{url}/readyz") is None


def test_any_other_answer_is_told_with_what_it_says(url: str) -> None:
    assert trouble_at(f"{url}/other") == '503 {"ready": false}'


def test_nobody_is_followed_elsewhere(url: str) -> None:
    assert str(trouble_at(f"{url}/moved")).startswith("302")


def test_no_answer_is_told_apart() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert str(trouble_at(f"http://127.0.0.1:{taken.getsockname()[1]}/readyz")).startswith("no answer (")


@pytest.mark.parametrize("url", ["readyz", "https://127.0.0.1:1/readyz", "http://", "file:///etc/passwd"])
def test_anything_but_a_plain_url_is_refused(url: str) -> None:
    assert trouble_at(url) == "name a URL as in http://127.0.0.1:9091/readyz"


def test_a_port_that_is_none_is_told() -> None:
    assert "no answer" in str(trouble_at("http://127.0.0.1:many/readyz"))


def test_the_exit_code_is_0_when_all_is_well(url: str) -> None:
    probe(url=f"{url}/readyz")


def test_the_exit_code_is_1_when_it_is_not(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        probe(url=f"{url}/other")

    assert ended.value.code == 1
    assert capsys.readouterr().err == f'{url}/other: 503 {{"ready": false}}\n'
