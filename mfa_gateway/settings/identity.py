"""The sections about callers: who is calling, and where they can be reached.

What stays out: verifying anything.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from mfa_gateway.settings.addresses import HeaderName, HttpUrl, Network
from mfa_gateway.settings.durations import Duration, within
from mfa_gateway.settings.files import (
    ReadableFile,
    ReadPasswordFile,
    ReadSecretFile,
    ReadSigningKeyFile,
    read_bytes,
)
from mfa_gateway.settings.section import Bool, Section, Text, exactly_one_of

_REALM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)

# RFC 6455 section 4.1 allows more; these can be told apart from a token behind a dot at a glance.
_SUBPROTOCOL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
DEFAULT_SUBPROTOCOL: Final = "mfa.bearer"

# RFC 7518 section 3.1 and RFC 8037 section 3.1. "none" is not among them: it would accept unsigned tokens.
Algorithm = Literal[
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
]

KEY_SOURCES: Final = ("jwks_url", "jwks_file", "public_key_file", "secret_file")

# Keys of every generation and kind of a large issuer fit many times over.
_MAX_KEY_SET: Final = 1024 * 1024

# Judged by the gate itself, so it can neither be stripped nor be another credential.
_OWN_HEADERS: Final = frozenset({"authorization", "x-mfa-code"})


def _realm(value: str) -> str:
    if _REALM.fullmatch(value) is None:
        raise ValueError("must be a short name of letters, digits, '.', '_' and '-', as in shop")
    return value


def _subprotocol(value: str) -> str:
    if _SUBPROTOCOL.fullmatch(value) is None:
        raise ValueError("must be a short name of letters, digits, '.', '_' and '-', as in mfa.bearer")
    return value


Subprotocol = Annotated[
    str, AfterValidator(_subprotocol), Field(json_schema_extra={"pattern": f"^{_SUBPROTOCOL.pattern}$"})
]
Realm = Annotated[str, AfterValidator(_realm), Field(json_schema_extra={"pattern": f"^{_REALM.pattern}$"})]


def _key_set(path: Path) -> Path:
    try:
        keys = json.loads(read_bytes(path, limit=_MAX_KEY_SET))["keys"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(_not_a_key_set(error, path)) from None
    if not isinstance(keys, list) or not keys:
        raise ValueError(f"holds no keys ({path})")
    return path


def _not_a_key_set(error: Exception, path: Path) -> str:
    if isinstance(error, ValueError) and not isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
        return str(error)
    return f'is not a JSON Web Key Set, which begins with {{"keys": [ ({path})'


def _public_key(path: Path) -> Path:
    content = read_bytes(path)
    if b"PRIVATE KEY-----" in content:
        raise ValueError(f"holds a private key: put only the public key here, and use a new pair ({path})")
    if b"-----BEGIN " not in content:
        raise ValueError(f"holds no key in PEM form, which begins with -----BEGIN PUBLIC KEY----- ({path})")
    return path


KeySetFile = Annotated[ReadableFile, AfterValidator(_key_set)]
PublicKeyFile = Annotated[ReadableFile, AfterValidator(_public_key)]


def _one_is_a_list_of_one(value: object) -> object:
    return [value] if isinstance(value, str) else value


_AtLeastOne = Annotated[tuple[Text, ...], Field(min_length=1)]
OneOrMore = Annotated[
    _AtLeastOne,
    BeforeValidator(_one_is_a_list_of_one, json_schema_input_type=Text | _AtLeastOne),
]


class Bearer(Section):
    """Callers who send a signed token (JWT) of one issuer. Exactly one of the four key sources is written."""

    model_config = exactly_one_of(*KEY_SOURCES)

    realm: Realm
    """Name of this group of accounts: (realm, subject) is one account."""
    issuer: Text
    """The token's `iss`, compared exactly."""
    audience: OneOrMore
    """The token's `aud` must hold this, or one of these."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)]
    """Signature algorithms to accept; they fit the key source: HS* with secret_file, the others with public keys."""
    jwks_url: HttpUrl | None = None
    """Key source: URL of the issuer's key set, fetched and cached."""
    jwks_file: KeySetFile | None = None
    """Key source: file with a key set."""
    public_key_file: PublicKeyFile | None = None
    """Key source: file with one public key, PEM."""
    secret_file: ReadSecretFile | None = None
    """Key source: file with the secret shared with the issuer."""
    subject_claim: Text = "sub"
    """Claim that names the caller. A token without it is refused."""
    session_claims: tuple[Text, ...] = ("sid", "session_state", "jti")
    """The first of these that a token has names the session; a token with none is its own session."""
    leeway: Annotated[Duration, within("0s", "5m")] = 10.0
    """How far the issuer's clock may be off."""
    websocket_subprotocol: Subprotocol | None = DEFAULT_SUBPROTOCOL
    """Take the token from this WebSocket sub-protocol too, as in mfa.bearer.<token>. null: from none."""
    backchannel_logout: Bool = False
    """Let the issuer end the windows of an account by a logout token, sent to POST /_mfa/backchannel-logout."""
    logout_audience: OneOrMore | None = None
    """A logout token's `aud` must hold this, or one of these: the client id at the issuer. Default: `audience`."""


class Introspection(Section):
    """Callers with opaque tokens, looked up at the issuer (RFC 7662).

    Beside `bearer`, a token that begins like a JWT (a JSON object in base64url, then a dot) is judged as one and never
    looked up.
    """

    realm: Realm
    """Name of this group of accounts."""
    url: HttpUrl
    """The issuer's introspection endpoint."""
    client_id: Text
    """Our name at the issuer."""
    client_secret_file: ReadPasswordFile
    """File with our secret at the issuer."""
    issuer: Text | None = None
    """The answer's `iss` must be exactly this. Not written: it is not looked at."""
    websocket_subprotocol: Subprotocol | None = DEFAULT_SUBPROTOCOL
    """Take the token from this WebSocket sub-protocol too, as in mfa.bearer.<token>. null: from none."""
    audience: OneOrMore | None = None
    """The answer's `aud` must hold this, or one of these. Not written: tokens for anybody count."""
    timeout: Annotated[Duration, within("100ms", "30s")] = 5.0
    """For one look-up. Later is an outage (503)."""
    cache: Annotated[Duration, within("0s", "10m")] = 60.0
    """How long a good answer counts without asking again, and so how long a revoked token may go unnoticed."""


# What says how a message is framed, where it goes and where it comes from, and what carries credentials of its own.
_NO_NAMES_OF_CALLERS: Final = _OWN_HEADERS | {
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "proxy-authorization",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
}


def _naming_header(value: str) -> str:
    plain = value.replace("_", "-").replace(".", "-")
    if plain in _NO_NAMES_OF_CALLERS or plain.startswith("x-mfa-"):
        raise ValueError(f"'{value}' means something else: name a header that holds the caller alone")
    return value


class TrustedHeader(Section):
    """Callers named by a proxy in front of us. A call that brings a token as well is refused (400)."""

    realm: Realm
    """Name of this group of accounts."""
    name: Annotated[HeaderName, AfterValidator(_naming_header)]
    """Header that holds the subject, once, and without a comma."""
    peers: Annotated[tuple[Network, ...], Field(alias="from", min_length=1)]
    """Networks of the proxies whose word counts, by their own address. From others the header is taken off."""


def _foreign_header(value: str) -> str:
    if value in _OWN_HEADERS:
        raise ValueError(f"'{value}' is judged by the gateway itself: take it off this list")
    return value


class OtherCredentials(Section):
    """Credentials that the gateway does not judge. One that reached the upstream could open it without a proof."""

    headers: tuple[Annotated[HeaderName, AfterValidator(_foreign_header)], ...] = (
        "cookie",
        "x-api-key",
        "proxy-authorization",
    )
    """Headers that carry credentials, on protected routes."""
    query: tuple[Text, ...] = ("access_token", "api_key")
    """Query parameters that carry credentials, on protected routes."""
    action: Literal["refuse", "strip", "forward"] | None = None
    """What to do with them. Not written: headers are stripped, and a query with one is refused (400)."""


class Identity(Section):
    """Who is calling."""

    bearer: tuple[Bearer, ...] = ()
    """Issuers of signed tokens."""
    introspection: Introspection | None = None
    """Opaque tokens."""
    header: TrustedHeader | None = None
    """A header set by a proxy."""
    other_credentials: OtherCredentials = OtherCredentials()
    """Credentials that are not judged here."""

    def token_subprotocols(self) -> frozenset[str]:
        """The WebSocket sub-protocols that bring a token."""
        sources = (*self.bearer, *((self.introspection,) if self.introspection is not None else ()))
        return frozenset(name for source in sources if (name := source.websocket_subprotocol) is not None)

    def realms(self) -> frozenset[str]:
        """Every realm that a caller can come from."""
        realms = {bearer.realm for bearer in self.bearer}
        realms |= {source.realm for source in (self.introspection, self.header) if source is not None}
        return frozenset(realms)


class Directory(Section):
    """Where people can be reached."""

    source: Literal["claims", "store", "http"] = "claims"
    """claims: `email` and `phone_number` of the token; store: records made with `mfa-gateway accounts`; http: url."""
    url: HttpUrl | None = None
    """Where to ask with source: http. Question, answer and signature are described in the manual, mfa-gateway.yaml."""
    secret_file: ReadSigningKeyFile | None = None
    """File with the secret that signs the questions, at least 32 bytes; the service has the same."""
    timeout: Annotated[Duration, within("50ms", "30s")] = 2.0
    """For one question. Later is an outage (503)."""
    max_stale: Annotated[Duration, within("0s", "1h")] = 60.0
    """How long an answer counts, and so how long a disabled account may go unnoticed."""


class Credentials(Section):
    """Whether a password is right, for the dialects that log people in."""

    source: Literal["local", "http"] = "local"
    """local: passwords brought in with `mfa-gateway accounts import`; http: the login of your own system."""
    url: HttpUrl | None = None
    """Where to ask with source: http. Question, answer and signature are described in the manual, mfa-gateway.yaml."""
    secret_file: ReadSigningKeyFile | None = None
    """File with the secret that signs the questions, at least 32 bytes; the service has the same."""
    timeout: Annotated[Duration, within("50ms", "30s")] = 5.0
    """For one question. Later is an outage (503). It is asked once."""
