"""Cookies: those that tell one device from another, as browsers keep them.

All of them are `HttpOnly`: no script of a page has to read one, and who copies the id of a device could pass for it.
Over TLS they are `Secure`, and `SameSite=None`, because pages of a shop call this host from theirs (RFC 6265bis section
4.1.2.7): an id of a device by itself opens nothing, and requests that a foreign page makes a browser send are never
taken for those of a session (authorization). Without TLS, where only a development set-up is, browsers would drop such
cookies, so they are `SameSite=Lax`. None names a domain: no other host gets them.

What stays out: which ids there are (core.entrance.own_sessions).
"""

from typing import Final

# As long as browsers keep one at most (RFC 6265bis section 5.5).
_YEAR_SECONDS: Final = 365 * 24 * 3600


def kept(name: str, value: str, *, is_secure: bool) -> tuple[bytes, bytes]:
    """The header that has a cookie kept for a year. Neither part may need quotes (RFC 6265 section 4.1.1)."""
    return _field(f"{name}={value}; Max-Age={_YEAR_SECONDS}", is_secure=is_secure)


def forgotten(name: str, *, is_secure: bool) -> tuple[bytes, bytes]:
    """The header that takes a cookie away."""
    return _field(f"{name}=; Max-Age=0", is_secure=is_secure)


def _field(cookie: str, *, is_secure: bool) -> tuple[bytes, bytes]:
    site = "Secure; SameSite=None" if is_secure else "SameSite=Lax"
    return b"set-cookie", f"{cookie}; Path=/; HttpOnly; {site}".encode("ascii")
