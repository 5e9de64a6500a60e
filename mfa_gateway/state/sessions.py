"""Sessions: those that the gateway opens itself, bound to the epoch of their account.

    sid      TAG ID           lower-case hexadecimal
    token    TAG ID SECRET    base64url, opaque to everybody else

TAG leads to the account's slot, so that one script sees the session beside the epoch of its account: a revocation ends
it without knowing of it. It is a digest and tells nobody anything. ID finds the session. SECRET is what makes a token
one: of the token, only a keyed digest is kept, and who knows a `sid` (it stands in signed tokens) cannot make it.

What stays out: who may log in, and tokens that are signed (signing, and the room of identities).
"""

import base64
import hmac
import json
import re
import secrets
from typing import Final

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.ceremony import FRESH_LOGIN_MS, Change
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.session import OpenedSession, Session
from mfa_gateway.state import scripts
from mfa_gateway.state.foundation import Foundation
from mfa_gateway.state.keys import DIGEST_CHARACTERS, AccountKeys
from mfa_gateway.state.vault import CannotUnseal

_TAG_BYTES: Final = DIGEST_CHARACTERS // 2
# 128 bits: no two sessions ever share one.
_ID_BYTES: Final = 16
_SID: Final = re.compile(rf"[0-9a-f]{{{DIGEST_CHARACTERS + 2 * _ID_BYTES}}}", re.ASCII)
# 264 bits, where RFC 6749 section 10.10 asks for 160. With them a token has no spare bits in base64.
_SECRET_BYTES: Final = 33
_TOKEN: Final = re.compile(rf"[A-Za-z0-9_-]{{{(_TAG_BYTES + _ID_BYTES + _SECRET_BYTES) * 4 // 3}}}", re.ASCII)
# What clients sign with: as long as the digests that are made of it (RFC 2104 section 3, SHA-256).
_SIGNING_BYTES: Final = 32
# A session without an end that nobody used for so long has no client any more: browsers forget cookies after 400 days
# (RFC 6265bis section 5.5).
_UNUSED_MS: Final = 400 * 24 * 3600 * 1000


class OpenSessions:
    """The side of a store that keeps sessions. Every method is one step in one trip, and raises `StoreUnavailable`."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self._line = foundation.line
        self._vault = foundation.vault

    async def open_session(
        self,
        account: AccountId,
        *,
        site: str,
        device: str,
        life_ms: int | None,
        epoch: int,
        brief_ms: int | None = None,
    ) -> OpenedSession | Change:
        """Open one, and remember it as a recent login; `Change.STALE` where the epoch moved.

        `life_ms` None: until it is closed, or was not used for 400 days.
        """
        names = await self._foundation.names()
        keys = names.keys.of(account)
        name = bytes.fromhex(keys.tag) + secrets.token_bytes(_ID_BYTES)
        token = base64.urlsafe_b64encode(name + secrets.token_bytes(_SECRET_BYTES)).decode("ascii")
        session = Session(
            id=name.hex(),
            account=account,
            site=site,
            device=device,
            age_ms=0,
            left_ms=life_ms,
            secret=secrets.token_bytes(_SIGNING_BYTES),
            brief_ms=brief_ms,
        )
        script_keys = (keys.account, keys.opened(session.id), keys.session(session.id))
        digest, life = names.digests.opened(keys.tag, token), "" if life_ms is None else life_ms
        args = (epoch, digest, self._sealed(session, keys), life, FRESH_LOGIN_MS, _UNUSED_MS)
        is_open = await scripts.OPEN_SESSION.run(self._line, script_keys, args)
        return OpenedSession(session, token) if is_open else Change.STALE

    async def session(self, token: str) -> Session | None:
        """The session of a token; None where it is unknown, closed, over or of an old epoch."""
        if _TOKEN.fullmatch(token) is None:
            return None
        sid = base64.urlsafe_b64decode(token)[: _TAG_BYTES + _ID_BYTES].hex()
        return await self._found(sid, token)

    async def session_by_id(self, sid: str) -> Session | None:
        """The session of a `sid`; None for the same reasons."""
        return await self._found(sid) if _SID.fullmatch(sid) is not None else None

    async def close_session(self, session: Session) -> None:
        """End one session and what was proved in it, at every worker. A second time changes nothing."""
        keys = (await self._foundation.names()).keys.of(session.account)
        kept = (keys.opened(session.id), keys.session(session.id), keys.proofs(Scope.SESSION, session.id))
        await scripts.CLOSE_SESSION.run(self._line, (keys.account, *kept), ())

    async def _found(self, sid: str, token: str | None = None) -> Session | None:
        """The session of this id that is open, if it has this token, where one is given."""
        names = await self._foundation.names()
        keys = names.keys.tagged(sid[:DIGEST_CHARACTERS])
        found = await scripts.SESSION.run(self._line, (keys.account, keys.opened(sid)), (_UNUSED_MS,))
        if found is None:
            return None
        age_ms, left_ms, digest, sealed = found
        if token is not None and not hmac.compare_digest(digest, names.digests.opened(keys.tag, token).encode()):
            return None
        return self._unsealed(sealed, sid, age_ms=age_ms, left_ms=None if left_ms < 0 else left_ms)

    def _sealed(self, session: Session, keys: AccountKeys) -> bytes:
        account = session.account
        kept = (account.realm, account.subject, session.site, session.device, session.secret.hex(), session.brief_ms)
        return self._vault.seal(json.dumps(kept).encode(), keys.tag, "session", session.id)

    def _unsealed(self, sealed: bytes, sid: str, *, age_ms: int, left_ms: int | None) -> Session:
        try:
            kept = self._vault.unseal(sealed, sid[:DIGEST_CHARACTERS], "session", sid)
        except CannotUnseal as error:
            raise StoreUnavailable(f"a session cannot be read: {error}") from error
        realm, subject, site, device, secret, brief_ms = json.loads(kept)
        return Session(
            id=sid,
            account=AccountId(realm, subject),
            site=site,
            device=device,
            age_ms=age_ms,
            left_ms=left_ms,
            secret=bytes.fromhex(secret),
            brief_ms=brief_ms,
        )
