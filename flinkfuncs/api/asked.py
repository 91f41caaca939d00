"""What may a caller say in a body? The body of an action is `runjob.RunJobProperties`."""

from __future__ import annotations

from pydantic import StrictBool

from ..core.model import Model
from ..core.remarks import Reason
from ..core.uploads import Folder, JobJson


class Pause(Model):
    """Whether a job's uploads are to be held, and why."""

    paused: StrictBool
    reason: Reason = None


class Abandon(Model):
    """Why an operation is ended by hand."""

    reason: Reason = None


class PlannedUpload(Model):
    """An upload that has not been made: where its jar's bytes are, which folder it is for, and its job.json."""

    jar: str
    folder: Folder = "stateful"
    job_json: JobJson | None = None
