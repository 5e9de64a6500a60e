"""The methods of sessions: `accounts.getJWT`, its public key, `accounts.logout`, and what servers ask about sessions.

The cookie of a session, `glt_<apiKey>`, is written by the page that logged in, on its own site, so none is set here; a
log-out takes it away where it was sent here. What stays out: what is signed, and what ends (the core's own_sessions).
"""

from typing import Final

from mfa_gateway.core.entrance import Command, Finished, Outcome
from mfa_gateway.core.entrance.account_outcomes import Minted, PublicKeys
from mfa_gateway.core.entrance.own_sessions import Acknowledge, ConfirmSession, LogOut, SignToken, TellKeys
from mfa_gateway.core.entrance.steps import ID_TOKEN_MS
from mfa_gateway.dialects.gigya.cookies import forgotten
from mfa_gateway.dialects.gigya.envelope import Body
from mfa_gateway.dialects.gigya.errors import GigyaError, invalid
from mfa_gateway.dialects.gigya.method import SERVERS, Method, Request, not_mine, nothing
from mfa_gateway.dialects.gigya.signature import uid_signature, uid_signature_fits

# As long as a remembered device: whoever holds a token cannot take back what it says.
_LONGEST_SECONDS: Final = 30 * 24 * 3600
_LONGEST_AUDIENCE: Final = 255
_MOST_FIELDS: Final = 100
_LONGEST_FIELD: Final = 128
# spec/gigya.md section 4.3.
_EXCHANGE_SECONDS: Final = 60


def _get_jwt(request: Request) -> Command | GigyaError:
    fields = tuple(filter(None, request.bag.get("fields").replace(" ", "").split(",")))
    if len(fields) > _MOST_FIELDS or any(len(name) > _LONGEST_FIELD for name in fields):
        return invalid("fields")
    seconds = request.bag.get("expiration", str(ID_TOKEN_MS // 1000))
    if not _is_number(seconds) or not 0 < int(seconds) <= _LONGEST_SECONDS:
        return invalid("expiration")
    audience = request.bag.get("audience")
    if len(audience) > _LONGEST_AUDIENCE or not audience.isprintable():
        return invalid("audience")
    return SignToken(fields, int(seconds) * 1000, audience, request.bag.get("targetUID"))


def _is_number(text: str) -> bool:
    """Whether a text is a whole number of a length that times have."""
    return text.isascii() and text.isdigit() and len(text) <= 12  # noqa: PLR2004 - milliseconds have 13 until 2286


def _signed(outcome: Outcome, request: Request) -> Body:
    del request
    if not isinstance(outcome, Minted):
        raise not_mine(outcome)
    return Body({"ignoredFields": ",".join(outcome.ignored), "id_token": outcome.token})


def _get_keys(request: Request) -> Command | GigyaError:
    wants_all = request.bag.flag("V2")
    return wants_all if isinstance(wants_all, GigyaError) else TellKeys()


def _keys(outcome: Outcome, request: Request) -> Body:
    if not isinstance(outcome, PublicKeys):
        raise not_mine(outcome)
    return Body({"keys": [dict(key) for key in outcome.keys]} if request.bag.flag("V2") is True else outcome.keys[0])


def _logout(request: Request) -> Command:
    return LogOut(request.bag.get("UID"))


def _logged_out(outcome: Outcome, request: Request) -> Body:
    """The envelope, and cookies without a value: the session's, and the one that makes it last longer."""
    if not isinstance(outcome, Finished):
        raise not_mine(outcome)
    names = (f"{kind}_{request.site.name}" for kind in ("glt", "gltexp"))
    return Body(headers=tuple(forgotten(name, is_secure=request.is_secure) for name in names))


def _verify(request: Request) -> Command:
    del request
    return ConfirmSession()


def _exchange(request: Request) -> Command | GigyaError:
    """`accounts.exchangeUIDSignature`: what was signed with any secret of the site is signed anew with one's own."""
    uid, shown = request.bag.need("UID"), request.bag.need("UIDSignature")
    stamp, key = request.bag.need("signatureTimestamp"), request.bag.need("userKey")
    for one in (uid, shown, stamp, key):
        if isinstance(one, GigyaError):
            return one
    if not _is_number(str(stamp)):
        return invalid("signatureTimestamp")
    if abs(request.form.now_ms // 1000 - int(str(stamp))) > _EXCHANGE_SECONDS:
        return GigyaError(400128)
    keys = request.access.user_keys
    secrets = [secret for secret in (request.access.secret, *(one.secret for one in keys.values())) if secret]
    if not uid_signature_fits(str(shown), str(uid), int(str(stamp)), secrets=secrets):
        return invalid("UIDSignature")
    mine = keys.get(str(key))
    return invalid("userKey") if mine is None or mine.secret is None else Acknowledge()


def _exchanged(outcome: Outcome, request: Request) -> Body:
    key = request.access.user_keys[request.bag.get("userKey")]
    if not isinstance(outcome, Finished) or key.secret is None:
        raise not_mine(outcome)
    uid, seconds = request.bag.get("UID"), request.form.now_ms // 1000
    signature = uid_signature(key.secret, uid, seconds)
    return Body({"UID": uid, "UIDSignature": signature, "signatureTimestamp": str(seconds)})


METHODS: Final = (
    Method("accounts.getJWT", _get_jwt, _signed),
    Method("accounts.getJWTPublicKey", _get_keys, _keys),
    Method("accounts.logout", _logout, _logged_out),
    Method("accounts.session.verify", _verify, nothing),
    Method("accounts.exchangeUIDSignature", _exchange, _exchanged, SERVERS),
)
