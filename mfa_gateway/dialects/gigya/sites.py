"""Sites of this dialect: what the core knows of a site, and the secrets that its servers show.

What stays out: comparing them (authorization).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from mfa_gateway.core.site import Site


@dataclass(frozen=True, slots=True)
class UserKey:
    """The key of one application: a shared secret, the public half of a key pair, or both."""

    name: str
    secret: bytes | None = field(default=None, repr=False)
    public: RSAPublicKey | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class GigyaSite:
    """A site. `secret`: the partner's, for sites that still have one."""

    site: Site
    secret: bytes | None = field(default=None, repr=False)
    user_keys: Mapping[str, UserKey] = field(default_factory=dict)
