"""`X-Forwarded-*`: how Traefik, Caddy and our own script in HAProxy say what they were asked for.

    X-Forwarded-Method: PATCH
    X-Forwarded-Proto: https
    X-Forwarded-Host: shop.example
    X-Forwarded-Uri: /customer-password/7?from=app

What stays out: what they do with an answer.
"""

from typing import Final

from mfa_gateway.doors.forward_auth.question import Original, Question, known_original

METHOD: Final = b"x-forwarded-method"
PROTO: Final = b"x-forwarded-proto"
HOST: Final = b"x-forwarded-host"
URI: Final = b"x-forwarded-uri"

WORDS: Final = frozenset({METHOD, PROTO, HOST, URI})


def read_forwarded(question: Question) -> Original | str:
    """The original. Each of the four has to be there once, whatever the question itself looks like."""
    scheme, host, target = question.only(PROTO), question.only(HOST), question.only(URI)
    return known_original(question.only(METHOD), scheme=scheme, host=host, target=target)
