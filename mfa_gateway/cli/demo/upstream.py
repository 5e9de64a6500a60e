"""The sample API of the demonstration: it answers with what it saw, and knows nothing of second factors."""

import asyncio
import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def _changed(request: Request) -> JSONResponse:
    return JSONResponse(
        {
            "message": f"The API changed the password of customer {request.path_params['id']}.",
            "what the API saw": {
                "X-MFA-Verified": request.headers.get("x-mfa-verified"),
                "X-MFA-Method": request.headers.get("x-mfa-method"),
                "X-MFA-Code": request.headers.get("x-mfa-code"),
            },
        }
    )


async def _catalog(_: Request) -> JSONResponse:
    return JSONResponse({"message": "The API's open catalog. Nobody was asked for anything."})


sample_api = Starlette(
    routes=[
        Route("/customer-password/{id}", _changed, methods=["PATCH"]),
        Route("/catalog", _catalog),
    ]
)


class SampleUpstream:
    """The sample API on a free port of the loopback interface."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(sample_api, log_config=None, access_log=False, lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to serve in the running loop. Signals stay with the program."""
        # `Server.serve` would take the signal handlers; `_serve` is what it runs inside of them.
        self._task = asyncio.create_task(self._server._serve([self._socket]))  # noqa: SLF001 - see above

    async def stop(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()
