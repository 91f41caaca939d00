"""Which Idempotency-Key does a task send? The same for the same call, whichever process makes it.

    what happens                                    the key        what comes of it
    ----------------------------------------------  -------------  ---------------------------------------------------
    an answer is lost, and the request repeated     the same       the same operation
    the worker dies after the POST; Airflow's retry  the same       the same operation: it is waited for
    a retry, and the earlier try's operation FAILED  the next one   a new operation: that is what a retry is for
    a retry after any other end                     -              Airflow does not retry: see exceptions.py
    a person clears the task, or its whole run      another one    a new operation
    a person clears the task while it runs          the same       the same operation: Airflow counts it as a retry
    the run is deleted and made again               another one    a new operation
    the same DAG on another Airflow                 another one    a new operation

The key is made of the DAG, the run, when the run began, the task, its map index, and of how many tries were made before
the task was cleared last: `max_tries - retries`, which a clear moves and a retry does not. So of a task whose `retries`
are edited between two tries of it, the second acts anew.

The app keeps keys for seven days. A retry whose run began longer ago cannot tell whether an earlier try has acted:
FlinkKeyExpired asks a person to look, and to clear the task.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

KEPT = timedelta(days=7)


@dataclass(frozen=True)
class Call:
    """What a task asks for, however often it is tried."""

    digest: str
    tries: int  # of this call, the present one included
    began: datetime | None  # the run

    @classmethod
    def of(cls, context: Any) -> Call:
        """Read a task's context."""
        ti, run = context["ti"], context["dag_run"]
        earlier = max(0, int(ti.max_tries or 0) - int(getattr(ti.task, "retries", 0) or 0))
        began = run.start_date.astimezone(UTC) if run.start_date else None
        parts = (ti.dag_id, ti.run_id, began and began.isoformat(), ti.task_id, ti.map_index, earlier)
        digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]
        return cls(digest, max(1, int(ti.try_number) - earlier), began)

    def key(self, number: int) -> str:
        """Return the key of the number-th operation of this call, from 1 on."""
        return f"airflow-{self.digest}-{number}"

    def may_have_expired(self, now: datetime) -> bool:
        """Whether an earlier try may have sent a key that the app does not keep any more."""
        return self.tries > 1 and self.began is not None and now - self.began >= KEPT
