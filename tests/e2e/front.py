"""A gateway process between raw clients and an API that plays: what the suites about hostile and broken peers need."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt

from tests.e2e.backend import Backend, Play, backend, honest
from tests.e2e.installation import DEFAULT_RULES, ISSUER_SECRET, Installation
from tests.e2e.waiting import until
from tests.e2e.wire import Answer, Client, connected


@dataclass
class Front:
    """The parts of an installation in front of an API that plays."""

    installation: Installation
    api: Backend

    @property
    def port(self) -> int:
        return self.installation.port

    def client(self) -> AbstractAsyncContextManager[Client]:
        """A client of its own connection."""
        return connected(self.port)

    async def is_shut(self) -> bool:
        """Whether nobody takes new connections any more: by then every worker knows that it is to stop."""
        try:
            async with self.client():
                return False
        except ConnectionError:
            return True

    def lines(self, request_id: str) -> list[str]:
        """What the log says of a request. Plain lines and structured ones name it alike."""
        return [line for line in self.installation.log.splitlines() if request_id in line]

    async def told(self, answer: Answer, fragment: str = "") -> None:
        """Wait until the log says this under the request id of an answer: a line may be written a moment later."""
        (request_id,) = answer.values("x-request-id")
        await until(lambda: any(fragment in line for line in self.lines(request_id)))


@asynccontextmanager
async def fronting(
    folder: Path, *, rules: str = DEFAULT_RULES, more: str = "", store: str = "embedded", play: Play = honest
) -> AsyncIterator[Front]:
    """A gateway that serves, from entering to leaving."""
    async with backend(play) as api, Installation(folder, rules=rules, more=more, store=store) as installation:
        put_behind(installation, api.port)
        await installation.start()
        yield Front(installation, api)


def put_behind(installation: Installation, port: int) -> None:
    """Make the installation forward to somebody else. Before it starts."""
    rewrite(installation, f"upstream: http://127.0.0.1:{installation.api.port}", f"upstream: http://127.0.0.1:{port}")


def rewrite(installation: Installation, old: str, new: str) -> None:
    """Change one passage of the configuration."""
    text = installation.config.read_text()
    assert text.count(old) == 1, old
    installation.config.write_text(text.replace(old, new))


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


def without(token: str, *claims: str) -> str:
    """The same token, signed by the same issuer, without these claims."""
    said = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode({name: value for name, value in said.items() if name not in claims}, ISSUER_SECRET, "HS256")
