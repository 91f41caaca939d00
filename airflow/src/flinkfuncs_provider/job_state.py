"""Is a job as somebody waits for it? Its status, and the age of its newest savepoint.

statuses    savepoint_seconds    reached where
----------  -------------------  ----------------------------------------------------------------
some        none                 the status is one of them
none        some                 a savepoint is at most that old; one that is disposed of does not count
some        some                 both
-           -                    failed where the status is one of `failed_statuses`, before all this
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from .client import Flow, get, job_path
from .summary import time_of


@dataclass(frozen=True)
class Seen:
    """What a look found."""

    reached: bool
    failed: bool
    words: str


@dataclass(frozen=True)
class Wanted:
    """What is waited for."""

    statuses: Sequence[str]
    failed_statuses: Sequence[str] = ()
    savepoint_seconds: float | None = None

    def look(self, job: str) -> Flow[Seen]:
        """Look once; whoever waits looks again.

        Raises:
            FlinkFuncsUnavailable, FlinkFuncsDenied, FlinkFuncsRefused: as client.py says.

        """
        shown = yield from get(job_path(job), tries=1)
        status = str(shown.get("status"))
        words = f"job {job} is {status}{f': {reason}' if (reason := shown.get('statusReason')) else ''}"
        if status in self.failed_statuses:
            return Seen(reached=False, failed=True, words=words)
        if self.statuses and status not in self.statuses:
            return Seen(reached=False, failed=False, words=words)
        if self.savepoint_seconds is None:
            return Seen(reached=True, failed=False, words=words)
        listed = (yield from get(job_path(job, "/savepoints"), tries=1)).get("savepoints", [])
        taken = [time_of(one["takenAt"]).timestamp() for one in listed if not one.get("disposingAt")]
        age = time.time() - max(taken) if taken else None
        words += f", its newest savepoint is {age:.0f} s old" if age is not None else ", and has no savepoint"
        return Seen(reached=age is not None and age <= self.savepoint_seconds, failed=False, words=words)
