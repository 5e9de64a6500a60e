"""Flaws: why a presented credential does not count. For the log alone: a client only hears that its credential is bad.

What stays out: anything of the credential itself.
"""

from enum import StrEnum


class Flaw(StrEnum):
    """The first thing that is wrong with a credential."""

    # The form
    NOT_BEARER = "the Authorization value is not one bearer token"
    NOT_COMPACT = "the token is not a compact JWS"
    NOT_CANONICAL = "a part of the token is not canonical base64url"
    BAD_JSON = "a part of the token is not a JSON object, or names a member twice"
    # The header
    BAD_ALGORITHM = "the algorithm is missing or not a text"
    CRITICAL = "the token asks for an extension that is not understood"
    BRINGS_KEY = "the token brings its own key, or says where to fetch it"
    BAD_KEY_ID = "the key id is not a short text"
    OTHER_TYPE = "the type says that this is no access token"
    # What the issuer says of an opaque token
    INACTIVE = "the issuer says that the token is not active"
    OTHER_ISSUER = "the issuer is another one than configured"
    # A trusted header
    SEVERAL_SUBJECTS = "the header is there more than once, under an alias, or holds a comma"
    # The signature
    UNKNOWN_ISSUER = "no such issuer is configured"
    OTHER_ALGORITHM = "the algorithm is none of those configured for the issuer"
    UNKNOWN_KEY = "the issuer has no such key for this algorithm"
    BAD_SIGNATURE = "the signature is wrong"
    # The claims
    OTHER_AUDIENCE = "the audience is not ours"
    BAD_TIME = "exp or iat is missing, or exp, iat or nbf is not a date"
    EXPIRED = "the token has expired"
    NOT_YET = "the token is not valid yet"
    # What a logout token says
    NO_LOGOUT = "no logout tokens are taken of this issuer"
    OTHER_EVENT = "the token does not tell of a log-out"
    HAS_NONCE = "the token has a nonce, which no logout token has"
    BAD_ID = "jti is missing or not a plain text of 1 to 255 characters"
    LIVES_LONG = "the token lives for more than a day"
    NAMELESS = "the token names a session and no subject"
    # What only tokens of our own can be
    OTHER_HEADER = "the header is none that bearer tokens of our own have"
    NO_SESSION = "the token names no session that is open"
    # Whose it is
    BAD_SUBJECT = "the subject is missing or not a plain text of 1 to 255 characters"
