"""How large is a job's record once the job has run for months? What lists and benchmarks are tried with.

Twenty savepoints, the last operation with its message, an operation under way, and one that waits: as much as the
summary in a record's metadata holds. Names, paths and messages are as long as those of a real cluster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from flinkfuncs.clients.ledger import Ledger
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Copy, JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Cause, Checked, Mark, Operation, Outcome, Request, StepTaken, operation_id
from flinkfuncs.core.progress import concluded, with_savepoint
from flinkfuncs.core.releases import JarSource, Release, Spec
from flinkfuncs.core.steps import End

SAVEPOINTS = 20
ROOT = "abfs://savepoints@contosostreaming.dfs.core.windows.net/flink"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def grown(job: JobName) -> JobRecord:
    """Return the record of a job that was started months ago, is saved every six hours, and is busy now."""
    release = _release(job)
    brought = _operation(job, Action.UPDATE, release, hours_ago=24 * 90)
    copy = Copy(
        flink_job_id=brought.token("copy"),
        release=release,
        operation=brought.id,
        started_at=brought.requested_at,
        operators=tuple(hashlib.sha256(f"{number}".encode()).hexdigest()[:32] for number in range(8)),
        seen=True,
    )
    record = JobRecord(name=job, folder="stateful", current=copy, open=(brought,), uploaded_at=brought.requested_at)
    message = (
        f"the new run {copy.flink_job_id} continues from the savepoint of the stop, has run for 15 s without a "
        "restart, and has completed a checkpoint"
    )
    record = concluded(record, brought, End(Outcome.SUCCEEDED, message, wanted=release), brought.requested_at)
    for number in range(SAVEPOINTS, 0, -1):
        saved = _operation(job, Action.SAVEPOINT, None, hours_ago=6 * number, by="timer")
        path = f"{ROOT}/{job}/{saved.id}/savepoint-{copy.flink_job_id[:6]}-{saved.token('savepoint')[:12]}"
        record = with_savepoint(record, saved, path, saved.requested_at)
    under_way, waits = (_operation(job, Action.UPDATE, release, hours_ago=hours) for hours in (0.1, 0))
    return record.but(open=(under_way, waits.model_copy(update={"driven_at": None, "release": None, "steps": ()})))


def put_grown(ledger: Ledger, jobs: Iterable[JobName]) -> None:
    """Write down such a record of each job that has none."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda job: ledger.write(grown(job), etag=None), jobs))


def _release(job: JobName) -> Release:
    name = f"{job}-2.17.0-3f2a9c1b7d4e.jar"
    spec = Spec(
        entry_class=f"com.contoso.streaming.{job.replace('-', '_')}.Main",
        args=("--topic", str(job), "--brokers", "kafka-1.contoso.com:9092,kafka-2.contoso.com:9092"),
        parallelism=16,
        flink_configuration={"execution.checkpointing.interval": "10 s", "state.backend.type": "rocksdb"},
    )
    source = JarSource(place="uploads", name=f"stateful/{job}/{name}", etag="0x8DE2A3F4B5C6D7E")
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return Release(sha256=sha256, size_bytes=48_000_000, jar_name=name, spec=spec, source=source)


def _operation(
    job: JobName, action: Action, release: Release | None, *, hours_ago: float, by: str = "http"
) -> Operation:
    at = NOW - timedelta(hours=hours_ago)
    said = {"action": action, "reason": "schema change of November", "build_url": "https://ci.contoso.com/builds/48117"}
    caller = "data-platform-deployments (application 11111111-2222-3333-4444-555555555555)"
    mark = Mark(sent_at=at, last_sent_at=at, unanswered=1)
    return Operation(
        id=operation_id(job, at=at, identity=f"{action} {hours_ago}"),
        job=job,
        request=Request.model_validate(said),
        cause=Cause.model_validate({"kind": by, "detail": caller}),
        requested_at=at,
        driven_at=at,
        progressed_at=at,
        release=release,
        checked=Checked(release=release.id, verdict="PASSED") if release else None,
        stop=mark if release else None,
        steps=tuple(StepTaken(at=at, step=step, detail="…" * 40) for step in ("Keep", "UploadJar", "Check", "Stop")),
    )
