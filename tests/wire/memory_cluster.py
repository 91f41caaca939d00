"""A cluster in memory, called like any other: the real tables, on the model of a cluster that the unit tests use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from flinkfuncs.core.errors import Refused
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Checked, Operation
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import Check, Found, Keep, Kept, Learned, Start, Step
from tests.unit.builders import LIMITS, NOW, release
from tests.unit.session.cluster_model import Cluster, Refusal


class MemoryCluster:
    """Jobs of one ledger; `acts` lists what was carried out, `stops_complete` lets stops end."""

    def __init__(self) -> None:
        """Begin without jobs."""
        self.model = Cluster(NOW)
        self.acts: list[Step] = []
        self.stops_complete = True
        self.words: dict[JobName, str] = {}

    @property
    def key(self) -> str:
        """The cluster's part of every ledger key."""
        return "cluster"

    def next_step(self, record: JobRecord, operation: Operation, now: datetime) -> Step:
        """Look and decide, as a session cluster does."""
        self.model.pass_time((now - self.model.now).total_seconds())
        if self.stops_complete:
            for stop in list(self.model.stops.values()):
                self.model.finish_stop(stop)
        seen = self.model.look(record, operation, lagging=False)
        fresh = replace(seen, cache_seconds=0.0)  # it has no caches
        return next_step(operation, record, fresh, LIMITS)

    def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
        """Carry one step out."""
        assert record.operation(operation.id), "the record names the operation before anything is done"
        self.acts.append(step)
        if isinstance(step, Keep):
            return Kept(release(f"jar of {operation.id}"))
        if isinstance(step, Check):
            return Found(Checked(release=step.release.id, verdict="PASSED"))
        try:
            self.model.take(step)
        except Refusal as refusal:
            raise Refused(str(refusal)) from refusal
        return None

    def statuses(self, records: Mapping[JobName, JobRecord]) -> Mapping[JobName, str]:
        """Return the words that a test wrote down."""
        return {name: self.words.get(name, "STOPPED") for name in records}

    def starts(self) -> list[Start]:
        """Return the starts that were carried out."""
        return [step for step in self.acts if isinstance(step, Start)]

    def running(self) -> list[str]:
        """Return the ids of the copies that really run."""
        return [run.flink_job_id for run in self.model.runs if run.until is None]
