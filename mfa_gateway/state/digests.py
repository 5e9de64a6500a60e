"""Digests: what is kept of things that must never be read again, which are codes, tokens and addresses.

All are HMAC-SHA-256 under a sub-key of the index key, so a dump of the store does not help to try out the million codes
there are, and rotating `secrets.keys` voids none. What stays out: keys of the store (keys) and data that has to be read
again (vault).
"""

from mfa_gateway.core.account import Factor
from mfa_gateway.core.otp import code_digest
from mfa_gateway.core.proof import Purpose
from mfa_gateway.state.keys import DIGEST_CHARACTERS


class Digests:
    """Makes digests, all of which are bound to the account behind `tag`."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "<Digests>"

    def code(self, tag: str, factor: Factor, *, purpose: Purpose, code: str) -> str:
        """What a live code is compared by: it never serves another account, factor or purpose."""
        return self._of("code", tag, factor.value, purpose.value, code)

    def backup(self, tag: str, code: str) -> str:
        """What a backup code is looked up by. It was drawn for no purpose in particular."""
        return self._of("backup", tag, code)

    def fingerprint(self, tag: str, factor: Factor, code: str) -> str:
        """What a code is recognised by after it served, whatever its purpose was."""
        return self._of("fingerprint", tag, factor.value, code)

    def token(self, tag: str, token: str) -> str:
        """What a token is recognised by."""
        return self._of("token", tag, token)

    def opened(self, tag: str, token: str) -> str:
        """What the token of a session of the gateway's own is compared by."""
        return self._of("opened", tag, token)

    def device(self, tag: str, site: str, device: str) -> str:
        """What a device that says so is recognised by, at one site."""
        return self._of("device", tag, site, device)

    def mark(self, tag: str, factor: Factor, value: bytes) -> str:
        """What an address or a secret is recognised by: sealing the same one twice gives different bytes."""
        return self._of("mark", tag, factor.value, value.hex())

    def _of(self, *parts: str) -> str:
        return code_digest(self._secret, *parts).hex()[:DIGEST_CHARACTERS]
