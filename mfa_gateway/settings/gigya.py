"""The sites of the Gigya form: API keys, their realms, the secrets of their servers, and what a login takes there.

What stays out: where the form is spoken (access), and what a signature looks like (dialects).
"""

import re
from base64 import b64decode
from pathlib import Path
from typing import Annotated, Final, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import AfterValidator, Field, SecretBytes

from mfa_gateway.identity.own_key import written_key
from mfa_gateway.settings.durations import Duration, within
from mfa_gateway.settings.files import ReadableFile, ReadSecretFile, SecretFile, read_bytes
from mfa_gateway.settings.identity import Realm
from mfa_gateway.settings.section import Bool, Int, Section, Text

_KEY: Final = re.compile(r"[A-Za-z0-9_.\-]{1,128}", re.ASCII)
_FIELD: Final = re.compile(r"[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*){0,3}", re.ASCII)
# The contract's own secrets have 20 bytes and more; with fewer than 16 they could be guessed (RFC 2104 section 3).
_LEAST_SECRET: Final = 16
# NIST SP 800-131A: shorter RSA keys verify nothing any more.
_LEAST_RSA: Final = 2048


def _key(value: str) -> str:
    if _KEY.fullmatch(value) is None:
        raise ValueError("must be of letters, digits, '_', '-' and '.', as in 3_AbCdEf")
    return value


def _field(value: str) -> str:
    if _FIELD.fullmatch(value) is None:
        raise ValueError("must be the name of a field, as in email or profile.firstName")
    return value


def _decoded(file: SecretFile) -> SecretFile:
    """The bytes behind base64, as whoever signs with them takes them."""
    try:
        secret = b64decode(file.content.get_secret_value().strip(), validate=True)
    except ValueError:
        raise ValueError(f"is not base64 ({file.path})") from None
    if len(secret) < _LEAST_SECRET:
        raise ValueError(f"holds {len(secret)} bytes in base64, and needs at least {_LEAST_SECRET} ({file.path})")
    return SecretFile(file.path, SecretBytes(secret))


def _public_key(path: Path) -> Path:
    read_rsa_key(path)
    return path


def read_rsa_key(path: Path) -> RSAPublicKey:
    """The public key of a file in PEM.

    Raises:
        ValueError: it holds none, or one that is too short.
    """
    try:
        key = load_pem_public_key(read_bytes(path))
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"holds no public key in PEM ({path})") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < _LEAST_RSA:
        raise ValueError(f"holds no RSA key of at least {_LEAST_RSA} bits ({path})")
    return key


def _signing_key(path: Path) -> Path:
    try:
        written_key(read_bytes(path))
    except ValueError as error:
        raise ValueError(f"{error} ({path})") from None
    return path


ApiKey = Annotated[Text, AfterValidator(_key), Field(json_schema_extra={"pattern": f"^{_KEY.pattern}$"})]
Base64File = Annotated[ReadSecretFile, AfterValidator(_decoded)]
PublicKeyFile = Annotated[ReadableFile, AfterValidator(_public_key)]
SigningKeyFile = Annotated[ReadableFile, AfterValidator(_signing_key)]
FieldName = Annotated[Text, AfterValidator(_field)]


class UserKey(Section):
    """The key of one server of a site."""

    key: ApiKey
    """Its name, the parameter `userKey`."""
    secret_file: Base64File | None = None
    """What it signs with, or shows: in base64, as the contract has it."""
    public_key_file: PublicKeyFile | None = None
    """The public half of the RSA key that signs its bearer tokens, PEM."""


class Tfa(Section):
    """The second factors of a site's logins."""

    require: Literal["always", "if_registered", "off"] = "if_registered"
    """Whom a password alone lets in: nobody, those without a provider, or everybody."""
    providers: tuple[Literal["gigyaEmail", "gigyaPhone", "gigyaTotp", "gigyaPush"], ...] = (
        "gigyaEmail",
        "gigyaPhone",
        "gigyaTotp",
    )
    """The providers that are offered, as far as their factors are enabled."""
    remember_device: Annotated[Duration, within("0s", "400d")] = 30 * 86_400.0
    """How long a device that was verified is not asked again."""


class GigyaSite(Section):
    """One API key."""

    api_key: ApiKey
    """The key."""
    realm: Realm
    """Whose accounts log in here. Rules may name it."""
    secret_file: Base64File | None = None
    """The partner's secret, in base64. It signs UIDs as well."""
    user_keys: tuple[UserKey, ...] = ()
    """The keys of its servers."""
    code_length: Annotated[Int, Field(ge=4, le=10)] = 6
    """Digits of codes that log in. Below six, codes.short holds."""
    required_fields: tuple[FieldName, ...] = ()
    """What has to be known of somebody before they get a session: email, phoneNumber, or a path as in
    profile.firstName (206001)."""
    otp_registration: Bool = True
    """Whether an address that nobody has becomes an account. If not, it is answered alike, and nothing is sent."""
    return_code: Bool = False
    """Whether servers of the site are told the code that is sent."""
    legacy_assertions: Bool = False
    """true: assertions are signed with RSA-SHA1 under its URI, for clients that insist on it."""
    tfa: Tfa = Tfa()
    """Second factors."""
    session: Annotated[Duration, within("1m", "400d")] = 3600.0
    """How long a session lasts where a client does not say."""
