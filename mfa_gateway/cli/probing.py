"""probe: is a gateway ready? For health checks of containers, where there may be neither shell nor curl.

Nothing but the standard library is loaded: a check is run every few seconds for as long as the container lives, and
`python -m mfa_gateway.cli.probing` costs a tenth of what the whole command line does. What stays out: what being ready
means (doors.health).
"""

import http.client
import sys
from typing import Final
from urllib.parse import urlsplit

READY_URL: Final = "http://127.0.0.1:9091/readyz"
# The time-out of a kubelet's probe is one second by default; Docker's is 30.
_PATIENCE_SECONDS: Final = 3.0


def probe(*, url: str = READY_URL) -> None:
    """Ask /readyz of ops_listen. Exit code 0: it answers 200; 1: it does not, and standard error says what it does."""
    if (trouble := trouble_at(url)) is not None:
        sys.stderr.write(f"{url}: {trouble}\n")
        sys.exit(1)


def trouble_at(url: str) -> str | None:
    """What is wrong with an `http://` URL, or None where it answers 200."""
    split = urlsplit(url)
    if split.scheme != "http" or not split.hostname:
        return "name a URL as in http://127.0.0.1:9091/readyz"
    try:
        connection = http.client.HTTPConnection(split.hostname, split.port, timeout=_PATIENCE_SECONDS)
        try:
            connection.request("GET", split.path or "/")
            response = connection.getresponse()
            said = response.read(4096).decode("utf-8", "replace").strip()
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"no answer ({str(error) or type(error).__name__})"
    return None if response.status == http.client.OK else f"{response.status} {said}"


if __name__ == "__main__":
    probe(url=sys.argv[1] if len(sys.argv) > 1 else READY_URL)
