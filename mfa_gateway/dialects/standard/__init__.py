"""Standard: second factors as plain JSON resources, refusals as problem details (RFC 9457) with step-up challenges.

The form for callers without a product of their own to be compatible with, and for every refusal that no rule answers.
Below the prefix, `/mfa` unless it says otherwise:

    GET    /factors                 what there is, addresses masked, and how many backup codes are left
    POST   /factors                 {type, name?, address?}: begin one more. `id` in the answer is what confirms it
    POST   /factors/{id}/confirm    {code}: the first code makes it active
    PATCH  /factors/{id}            {name}
    DELETE /factors/{id}
    POST   /backup-codes            {}: a new set, shown this once
    DELETE /backup-codes
    POST   /challenges              {factor?, type?}: send a code of what there is
    POST   /challenges/verify       {code?, scope?}: redeem a code, in the body or in X-MFA-Code, and open the window
    GET    /grace                   what was proved and still counts, here and for the account
    DELETE /grace                   forget it
    POST   /preflight               {method, path, host?}: what such a call would meet now. Changes nothing

Whatever changes factors takes a code of sufficient level in `X-MFA-Code` where a factor is active, and a recent login
where none is. Codes prove for the session unless `scope` says account, as rules in this form look at the session.

Everything at or below `/factors`, `/challenges`, `/backup-codes`, `/grace` and `/preflight` is the gateway's: what is
no endpoint there is 404, whoever asks. Everything else below the prefix is the application's. An id is opaque, stays
the same from the beginning of an enrolment to its end, and is lower-case hexadecimal.

What stays out: every decision. Which code is valid where is the ceremonies' and the gate's; this room only translates.
"""

from mfa_gateway.dialects.standard.codec import Standard

__all__ = ["Standard"]
