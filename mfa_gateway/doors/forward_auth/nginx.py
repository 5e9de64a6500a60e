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
from typing import Final

from mfa_gateway.doors.forward_auth.question import Original, Proxy, Question, original

_METHOD: Final = b"x-original-method"
_URL: Final = b"x-original-url"
_PARTS: Final = re.compile(rb"(?P<scheme>https?)://(?P<host>[^/]+)(?P<target>/.*)")

# What ingress-nginx adds: where to send people who have to log in.
_WORDS: Final = frozenset({_METHOD, _URL, b"x-auth-request-redirect"})
_UNDERSTOOD: Final = 401


def _read(question: Question) -> Original | str:
    found = _PARTS.fullmatch(question.only(_URL) or b"")
    if found is None:
        return "X-Original-URL is not there once, or is no URL with a host and a path"
    return original(question.only(_METHOD), scheme=found["scheme"], host=found["host"], target=found["target"])


def _status(status: int) -> int:
    return status if status == _UNDERSTOOD else 403


NGINX: Final = Proxy("nginx", _read, _WORDS, _status)
