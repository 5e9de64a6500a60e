"""The composition root: the only room that knows every other.

    settings --> translation --> Gateway --> parts for a door (middleware), or `app`, the whole reverse proxy

Here, and only here, settings become the values that the rooms speak. What stays out: decisions of any kind.
"""

from mfa_gateway.app.ext_authz import authorization_server_of
from mfa_gateway.app.gateway import Gateway, embedded_store, open_if_there
from mfa_gateway.app.people import credentials_of
from mfa_gateway.app.translation import server_terms, store_settings, totp_profile_of

__all__ = [
    "Gateway",
    "authorization_server_of",
    "credentials_of",
    "embedded_store",
    "open_if_there",
    "server_terms",
    "store_settings",
    "totp_profile_of",
]
