"""Binding once, for all workers."""

import socket

import pytest

from mfa_gateway.cli.supervision import sockets
from mfa_gateway.cli.supervision.sockets import bound
from mfa_gateway.cli.supervision.worker import StartFailed
from mfa_gateway.settings.addresses import Address


async def test_a_port_that_the_system_chose_is_one_for_every_form_of_a_host() -> None:
    listeners = await bound("listen", Address("localhost", 0))
    assert len({listener.getsockname()[1] for listener in listeners}) == 1
    for listener in listeners:
        listener.close()


async def test_nobody_is_listened_to_before_a_worker_is_there() -> None:
    (listener,) = await bound("listen", Address("127.0.0.1", 0))
    with listener, pytest.raises(ConnectionRefusedError):
        socket.create_connection(listener.getsockname()).close()


async def test_an_address_in_use_is_told_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_HANDOVER_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartFailed, match=rf"ops_listen: 127\.0\.0\.1:{port} .*: address already in use"):
            await bound("ops_listen", Address("127.0.0.1", port))


async def test_a_shared_address_is_kept_for_those_that_share_it() -> None:
    (keeper,) = await bound("ext_authz.listen", Address("127.0.0.1", 0), is_shared=True)
    port = keeper.getsockname()[1]
    with keeper, socket.socket() as sharing, socket.socket() as stranger:
        sharing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sharing.bind(("127.0.0.1", port))
        with pytest.raises(OSError, match="in use"):
            stranger.bind(("127.0.0.1", port))


async def test_an_address_that_another_gateway_shares_with_its_workers_is_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "_HANDOVER_SECONDS", 0.0)
    with socket.socket() as worker:
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        worker.bind(("127.0.0.1", 0))
        worker.listen()
        with pytest.raises(StartFailed, match=r"ext_authz\.listen: .*: address already in use"):
            await bound("ext_authz.listen", Address("127.0.0.1", worker.getsockname()[1]), is_shared=True)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_an_address_that_is_not_ours_is_told_at_once(host: str) -> None:
    with pytest.raises(StartFailed, match=rf"listen: {host}:8080 cannot be listened on: "):
        await bound("listen", Address(host, 8080))
