"""The directory that is the token itself: addresses as the issuer asserts them (OpenID Connect Core section 5.1).

What stays out: whether the token is good; only verified claims come here.
"""

from collections.abc import Mapping

from mfa_gateway.core.account import Caller, Person
from mfa_gateway.directory.addresses import canonical_email, canonical_locale, canonical_phone


class ClaimsDirectory:
    """People as the claims `email`, `phone_number` and `locale` of their token describe them."""

    async def look_up(self, caller: Caller) -> Person:
        """The person behind a caller: always somebody, perhaps without an address."""
        claims = caller.claims
        return Person(
            email=canonical_email(claims.get("email")) if _is_verified(claims, "email_verified") else None,
            phone=canonical_phone(claims.get("phone_number"))
            if _is_verified(claims, "phone_number_verified")
            else None,
            locale=canonical_locale(claims.get("locale")),
        )


def _is_verified(claims: Mapping[str, object], name: str) -> bool:
    """Whether nothing speaks against an address. A claim that is there has to say yes: null, 0 and "" do not.

    Many issuers never send these claims, so their absence says nothing; some send them as text.
    """
    return name not in claims or claims[name] is True or claims[name] == "true"
