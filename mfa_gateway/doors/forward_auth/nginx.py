"""nginx: the module `auth_request`, and ingress-nginx on top of it.

It asks with a subrequest by GET that carries the client's header, and understands three answers: 2xx, 401 and 403. Any
other is an error of ours to it, which the client sees as 500. It drops the body of every one, so a recipe hands the
reason on from `X-MFA-Error-Code`.

    X-Original-Method: PATCH
    X-Original-URL: https://shop.example/customer-password/7?from=app

The target in it is `$request_uri`, the bytes of the client, which are what nginx forwards where `proxy_pass` names no
path. nginx itself refuses a Host with a slash in it, so what is a host here and what is a path is never in doubt.
"""

import re
from functools import lru_cache
from typing import Final

from mfa_gateway.doors.forward_auth.question import (
    LONGEST_KNOWN,
    MOST_KNOWN,
    Original,
    Proxy,
    Question,
    original,
    with_query,
)

_METHOD: Final = b"x-original-method"
_URL: Final = b"x-original-url"
_PARTS: Final = re.compile(rb"(?P<scheme>https?)://(?P<host>[^/]+)(?P<target>/.*)")

# What ingress-nginx adds: where to send people who have to log in.
_WORDS: Final = frozenset({_METHOD, _URL, b"x-auth-request-redirect"})
_UNDERSTOOD: Final = 401


def _read(question: Question) -> Original | str:
    method, url = question.only(_METHOD), question.only(_URL) or b""
    plain, _, query = url.partition(b"?")
    if len(plain) + len(method or b"") <= LONGEST_KNOWN and isinstance(asked := _known(method, plain), Original):
        return with_query(asked, query)
    # Too long, or no URL, or one whose host holds a question mark.
    return _put_together(method, url)


def _put_together(method: bytes | None, url: bytes) -> Original | str:
    found = _PARTS.fullmatch(url)
    if found is None:
        return "X-Original-URL is not there once, or is no URL with a host and a path"
    return original(method, scheme=found["scheme"], host=found["host"], target=found["target"])


_known = lru_cache(maxsize=MOST_KNOWN)(_put_together)


def _status(status: int) -> int:
    return status if status == _UNDERSTOOD else 403


NGINX: Final = Proxy("nginx", _read, _WORDS, _status)
