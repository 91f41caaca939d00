"""Where else can people look at a job? Flink's own page, and the trace of an operation.

status                                       Flink's page of the job
-------------------------------------------  ---------------------------------------------
RUNNING and whatever else has not ended,     #/job/running/<id>/overview, as 1.17 to 2.3 have it
UNKNOWN
FINISHED, FAILED, CANCELED, STOPPED          #/job/completed/<id>/overview, while Flink keeps it
VANISHED, NONE, a start that was refused     none: Flink does not know the id
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.jobs import JobRecord
from .later import shown

if TYPE_CHECKING:  # the settings' library is not needed to be indexed
    from ..settings import Settings

ENDED = ("FINISHED", "FAILED", "CANCELED", "STOPPED")
NOT_THERE = ("VANISHED", "NONE", "DELETED")


def links_of(settings: Settings, record: JobRecord, status: str) -> shown.Links | None:
    """Return the links of a job; None: there are none."""
    flink, trace = _flink_page(settings, record, status), settings.trace_url or None
    return shown.Links(flink=flink, trace=trace) if flink or trace else None


def _flink_page(settings: Settings, record: JobRecord, status: str) -> str | None:
    base, copy = settings.flink_dashboard_url or settings.flink_rest_url, record.current
    if not base or copy is None or status in NOT_THERE or copy.ended == "NEVER_STARTED":
        return None
    return f"{base.rstrip('/')}/#/job/{'completed' if status in ENDED else 'running'}/{copy.flink_job_id}/overview"
