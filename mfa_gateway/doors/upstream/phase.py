"""Where an exchange on a connection stands. What moves it from one to the next is the connection's (`connection`)."""

import enum
from typing import Final


class Phase(enum.Enum):
    """The phases of a connection, in the order in which an exchange goes through them."""

    IDLE = enum.auto()
    TAKEN = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()
    DONE = enum.auto()
    CLOSED = enum.auto()


# A look-up in an enumeration costs twice what one in a dictionary does; the hot path compares with these.
IDLE: Final = Phase.IDLE
TAKEN: Final = Phase.TAKEN
HEAD: Final = Phase.HEAD
BODY: Final = Phase.BODY
DONE: Final = Phase.DONE
CLOSED: Final = Phase.CLOSED
