"""What may a caller say in a body? The body of an action is `runjob.RunJobProperties`."""

from __future__ import annotations

from typing import Self

from pydantic import StrictBool, model_validator

from ..core.model import Model
from ..core.remarks import Reason
from ..core.uploads import Folder, JobJson


class Pause(Model):
    """Whether a job's uploads are to be held, and why."""

    paused: StrictBool
    reason: Reason = None


class Abandon(Model):
    """Why an operation is ended by hand; and whether it is although it has begun, and something may take effect."""

    reason: Reason = None
    even_if_begun: StrictBool = False


class PlannedUpload(Model):
    """An upload that has not been made: where its jar's bytes are, which folder it is for, and its job.json."""

    jar: str
    folder: Folder = "stateful"
    job_json: JobJson | None = None
    again: StrictBool = False
    """Where there is no job.json: as in the jar's metadata."""

    @model_validator(mode="after")
    def _again_once(self) -> Self:
        if self.again and self.job_json:
            raise ValueError("again stands in jobJson, where there is one")
        return self
