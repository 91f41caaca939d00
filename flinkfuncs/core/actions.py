"""The eleven actions, in the API's own words; nothing is renamed.

In URLs they are written in any case and with `-` for `_`: `POST /api/jobs/orders/stateless-update`.
"""

from __future__ import annotations

from enum import StrEnum

from .errors import NotFound


class Action(StrEnum):
    """What can be asked of a job."""

    NEW = "NEW"
    START = "START"
    STOP = "STOP"
    UPDATE = "UPDATE"
    STATELESS_UPDATE = "STATELESS_UPDATE"
    LAST_STATE_UPDATE = "LAST_STATE_UPDATE"
    RE_LAUNCH = "RE_LAUNCH"
    SAVEPOINT = "SAVEPOINT"
    LIST_SAVEPOINT = "LIST_SAVEPOINT"
    CANCEL = "CANCEL"
    DELETE = "DELETE"

    @property
    def takes_release(self) -> bool:
        """Whether the action brings a jar of its own: the uploaded one, the one the body names, or the recorded one."""
        return self in (Action.NEW, Action.UPDATE, Action.STATELESS_UPDATE, Action.LAST_STATE_UPDATE)

    @property
    def starts(self) -> bool:
        """Whether the action may start a copy, so that a jar has to be on the cluster."""
        return self.takes_release or self in (Action.START, Action.RE_LAUNCH)


def parse_action(word: str) -> Action:
    """Return the action that a URL segment or a body names.

    Raises:
        NotFound: there is no such action; the message lists those there are.

    """
    try:
        return Action(word.upper().replace("-", "_"))
    except ValueError:
        known = ", ".join(Action)
        raise NotFound(f"there is no action {word[:64]!r}; there are {known}", code="UnknownAction") from None
