"""Faults: the exceptions that mean *we*, or something we stand on, broke.

A refusal is never an exception: it is a `Refuse` with a `Reason`. Rooms translate foreign exceptions into these at the
seam where they enter, so that nothing above ever sees an error of redis-py, httpx or aiosmtplib.
"""


class Fault(Exception):
    """Root of all faults. Never raised itself."""


class StoreUnavailable(Fault):
    """The store is away, too slow, full, or read-only. Whether a write took place is unknown."""


class IdentityUnavailable(Fault):
    """A credential can neither be accepted nor refused now, for example because no key set could be fetched yet."""


class DirectoryUnavailable(Fault):
    """The directory can say nothing usable about somebody now, for example because its service is away."""


class CredentialsUnavailable(Fault):
    """A name and a password can be found neither right nor wrong now."""


class DeliveryFailed(Fault):
    """A message was not accepted for delivery within its deadline."""
