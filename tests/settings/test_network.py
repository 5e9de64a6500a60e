from collections.abc import Callable

import pytest

from mfa_gateway.settings import Settings
from mfa_gateway.settings.addresses import HttpOrigin

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]


def test_one_url_is_a_list_of_one_upstream(load: Load) -> None:
    (upstream,) = load({"upstream": "http://127.0.0.1:9000"}).upstream
    assert upstream.url == HttpOrigin("http", "127.0.0.1", 9000)
    assert upstream.preserve_host is True


def test_one_listed_upstream_may_change_the_host(load: Load) -> None:
    (upstream,) = load({"upstream": [{"url": "http://127.0.0.1:9000", "preserve_host": False}]}).upstream
    assert upstream.preserve_host is False


def test_an_upstream_is_not_needed_by_a_middleware(load: Load) -> None:
    assert load({"upstream": ...}).upstream == ()


def test_the_public_url_is_where_we_listen(load: Load) -> None:
    assert str(load({"listen": "10.0.0.5:8081"}).public_url) == "http://10.0.0.5:8081"


@pytest.mark.parametrize(("listen", "public"), [("0.0.0.0:80", "http://127.0.0.1"), ("[::]:81", "http://[::1]:81")])
def test_nobody_is_sent_to_every_address(load: Load, listen: str, public: str) -> None:
    assert str(load({"listen": listen}).public_url) == public


def test_a_public_url_that_is_written_stays(load: Load) -> None:
    assert str(load({"public_url": "https://api.example/"}).public_url) == "https://api.example"


def test_the_public_url_has_no_path(complaints: Complain) -> None:
    assert complaints({"public_url": "https://api.example/v1"}) == [
        "public_url: must be an origin without a path: write https://api.example, without '/v1'"
    ]


def test_limits_and_time_outs_of_the_server_are_taken(load: Load) -> None:
    settings = load({"timeouts": {"head": "5s", "body_idle": "1500ms"}, "limits": {"head": "16KiB", "fields": 50}})
    assert (settings.timeouts.head, settings.timeouts.body_idle) == (5.0, 1.5)
    assert (settings.limits.head, settings.limits.fields) == (16_384, 50)


def test_a_time_out_of_nothing_is_refused(complaints: Complain) -> None:
    assert complaints({"timeouts": {"connect": "0s"}}) == ["timeouts.connect: must be 1ms to 1h"]


def test_requests_in_flight_may_be_dropped_at_once(load: Load) -> None:
    assert load({"timeouts": {"drain": "0s"}}).timeouts.drain == 0


def test_a_header_section_has_a_sensible_size(complaints: Complain) -> None:
    assert complaints({"limits": {"head": "1GiB"}}) == ["limits.head: must be 1KiB to 1MiB"]


def test_trusted_proxies_are_networks(complaints: Complain) -> None:
    assert complaints({"trusted_proxies": ["10.0.0.0/8", "lb-1"]}) == [
        "trusted_proxies[1]: 'lb-1' is not a network: write an address or a CIDR, as in 10.0.0.0/8"
    ]


def test_the_numbers_of_websockets_are_taken(load: Load) -> None:
    assert load().websocket.message == 1_048_576
    numbers = load({"websocket": {"message": "64KiB", "queue": 2, "ping": "1m", "ping_timeout": "500ms"}}).websocket
    assert (numbers.message, numbers.queue, numbers.ping, numbers.ping_timeout) == (65_536, 2, 60.0, 0.5)


def test_a_websocket_has_some_room_and_some_time(complaints: Complain) -> None:
    assert complaints({"websocket": {"message": "1GiB", "queue": 0, "ping": "1ms"}}) == [
        "websocket.message: must be 1KiB to 64MiB",
        "websocket.queue: must be at least 1",
        "websocket.ping: must be 100ms to 1h",
    ]
