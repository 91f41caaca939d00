"""What may a caller say in a body? The body of an action is `runjob.RunJobProperties`."""

from __future__ import annotations

from ..core.model import Model
from ..core.remarks import Reason


class Pause(Model):
    """Whether a job's uploads are to be held, and why."""

    paused: bool
    reason: Reason = None


class Abandon(Model):
    """Why an operation is ended by hand."""

    reason: Reason = None
