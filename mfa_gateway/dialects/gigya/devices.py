"""The methods of devices: `accounts.webSdkBootstrap`, which gives a browser its ids, and `socialize.getIDs` for apps.

The id that counts is `gmid`: it comes back as a cookie or as a parameter of any method, and is what a device is
remembered by after a second factor. `ucid` and `gcid` are names that clients expect beside it. What stays out: what an
id looks like, and when one is kept (core.entrance.own_sessions).
"""

from typing import Final

from mfa_gateway.core.entrance import Command, Outcome
from mfa_gateway.core.entrance.account_outcomes import DeviceNamed
from mfa_gateway.core.entrance.own_sessions import NameDevice
from mfa_gateway.dialects.gigya.cookies import kept
from mfa_gateway.dialects.gigya.envelope import Body
from mfa_gateway.dialects.gigya.errors import DEVICE
from mfa_gateway.dialects.gigya.method import Method, Request, not_mine

# The generation of ids, as the web toolkit knows it (spec/gigya.md section 1.8).
_GENERATION: Final = "ver4"
# When clients should ask for their ids again. They stay the same, so this is only how long a client waits.
_REFRESH_MS: Final = 30 * 24 * 3600 * 1000


def _name(request: Request) -> Command:
    return NameDevice(request.device, request.user)


def _bootstrapped(outcome: Outcome, request: Request) -> Body:
    if not isinstance(outcome, DeviceNamed):
        raise not_mine(outcome)
    cookies = {
        DEVICE: outcome.device,
        "ucid": outcome.user,
        "hasGmid": _GENERATION,
        f"gig_bootstrap_{request.site.name}": f"_gigya_{_GENERATION}",
    }
    headers = tuple(kept(name, value, is_secure=request.is_secure) for name, value in cookies.items())
    return Body({"hasGmid": _GENERATION}, headers=headers)


def _ids(outcome: Outcome, request: Request) -> Body:
    if not isinstance(outcome, DeviceNamed):
        raise not_mine(outcome)
    refresh = request.form.now_ms + _REFRESH_MS
    return Body({"gcid": outcome.device, DEVICE: outcome.device, "ucid": outcome.user, "refreshTime": refresh})


METHODS: Final = (
    Method("accounts.webSdkBootstrap", _name, _bootstrapped),
    Method("socialize.getIDs", _name, _ids),
)
