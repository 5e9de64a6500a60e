"""Fetching: documents of issuers over HTTP, from where it was configured and nowhere else, and never too much of them.

What stays out: what is asked, what a document says, and how long an answer may take.
"""

import ssl

import httpx2


def http_client(deadline: float, *, accept: str, tls: ssl.SSLContext | None = None) -> httpx2.AsyncClient:
    """A client that goes where it is told to and nowhere else: no redirects, no proxies of the environment.

    `deadline` is in seconds, for each step; `accept` is what answers may be; `tls` is whom to trust, by default the
    authorities that httpx2 ships.
    """
    return httpx2.AsyncClient(
        verify=tls or httpx2.create_ssl_context(),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx2.Timeout(deadline),
        headers={"Accept": accept, "Accept-Encoding": "identity"},
    )


async def read_document(response: httpx2.Response, *, limit: int) -> bytes:
    """The body of a good answer.

    Raises:
        ValueError: the status is not 200, the body is compressed, or larger than `limit` bytes.
    """
    if response.status_code != httpx2.codes.OK:
        raise ValueError(f"the answer has status {response.status_code}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise ValueError("the answer is compressed although nobody asked for that")
    document = bytearray()
    async for chunk in response.aiter_raw():
        document += chunk
        if len(document) > limit:
            raise ValueError(f"the answer is larger than {limit} bytes")
    return bytes(document)
