"""What may a caller say in a body? The body of an action is `runjob.RunJobProperties`."""

from __future__ import annotations

from ..core.model import Model


class Pause(Model):
    """Whether a job's uploads are to be held."""

    paused: bool
