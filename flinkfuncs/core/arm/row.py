"""What does the ARM API say of a job? One row of its list, as far as we read it.

    {"id": "…/jobs/job1", "properties": {"jobName": "job1", "action": "STOP", "status": "STOPPED",
     "jobOutput": "Savepoint completed. Path: abfs://…/savepoint-20e9e9-8a48c6b905e5", "actionResult": "SUCCESS",
     "jobId": "20e9e907eb360b1c69510507f88cdb7b", "lastSavePoint": "abfs://…/savepoint-20e9e9-8a48c6b905e5"}}

Status and actionResult are free strings; absent fields are None; unknown ones are not looked at. From 2023-11 on two
rows may have one jobName.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

MARKER = "flinkfuncs.operation"  # the key of flinkConfiguration that names the operation which a row answers

_COMPLETED = re.compile(r"Savepoint completed\. Path: (\S+)")
_STATUS_LINE = re.compile(r"Flink internal job status\b")
_ENDED = frozenset({"STOPPED", "FINISHED", "CANCELED", "CANCELLED", "FAILED", "JOB_LAUNCH_FAILED", "DELETED"})


class Row(BaseModel):
    """The properties of one row."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    job_name: str | None = None
    run_id: str | None = None
    action: str | None = None
    status: str | None = None
    job_id: str | None = None
    job_output: str | None = None
    action_result: str | None = None
    last_save_point: str | None = None
    flink_configuration: dict[str, str | None] | None = None

    @property
    def marker(self) -> str | None:
        """The operation that this row answers, where it was sent with one and the service gives it back."""
        return (self.flink_configuration or {}).get(MARKER)

    @property
    def word(self) -> str | None:
        """The status in capitals and with `_`: the API's own example says STOP-FAILED, too."""
        return self.status.upper().replace("-", "_") if self.status else None

    @property
    def ended(self) -> bool:
        """Whether the status says that nothing runs."""
        return self.word in _ENDED

    @property
    def in_progress(self) -> bool:
        """Whether an action is under way."""
        return self.action_result == "IN_PROGRESS"

    @property
    def savepoint(self) -> str | None:
        """The savepoint that the action took, or the last one."""
        completed = _COMPLETED.search(self.job_output or "")
        return completed[1] if completed else self.last_save_point

    @property
    def digest(self) -> str:
        """What changes when an action is carried out, in 16 hex digits; a job's status changes by itself, too."""
        output = "" if _STATUS_LINE.match(self.job_output or "") else self.job_output
        facts = (self.action, self.action_result, output, self.last_save_point, self.job_id, self.run_id, self.marker)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def digests(rows: Iterable[Row]) -> str:
    """Return how a job's rows stand, to be compared with later; no row gives the empty string."""
    return ",".join(sorted(row.digest for row in rows))


def leading(rows: Iterable[Row]) -> Row | None:
    """Return the row that tells how the job stands: one under way, else one that runs, else the last one."""
    ranked = sorted(rows, key=lambda row: (row.in_progress, not row.ended))
    return ranked[-1] if ranked else None
