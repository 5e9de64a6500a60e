"""A gateway as a process of its own: `python gateway_process.py LISTENING_FD UPSTREAM_PORT`."""

import asyncio
import socket
import sys

import uvicorn
import uvloop

from mfa_gateway.doors.upstream import Origin, Terms, Upstream


def main(listening: int, port: int) -> None:
    config = uvicorn.Config(
        Upstream(Origin.parse(f"http://127.0.0.1:{port}"), Terms()),
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    with socket.socket(fileno=listening) as listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
