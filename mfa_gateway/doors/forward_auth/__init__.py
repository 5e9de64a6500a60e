"""Door 3: the decision service behind somebody else's proxy, below `/_mfa/forward-auth/`.

The proxy has a request, asks here whether it may go on, and sends it on or sends our refusal back. One reader per proxy
finds out what was asked for; a reader decides nothing. From there on the call is read and judged like any other, so the
verdict and its reason are those of every other door.

A question is asked for every request of every client, so a yes that can be told without waiting takes no task, and what
the names of its fields tell is found out once (header).

Only peers in `trusted_proxies` may ask: whoever else did could say anything about a request that nobody ever sent.

What stays out: everything that a proxy has to do itself, which is in `deploy/`, one folder each.
"""

from mfa_gateway.doors.forward_auth.door import PREFIX, ForwardAuth

__all__ = ["PREFIX", "ForwardAuth"]
