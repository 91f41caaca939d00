"""What does a reply look like? One example each, of one job and its update."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ..core.actions import Action
from ..core.operations import Outcome
from ..health import Health, Reach
from . import shown

_AT = datetime(2026, 11, 21, 1, 49, 16, tzinfo=UTC)
_ID = "20261121T014916Z-orders-3f2a9c1b7d4e"
_COPY = "5e20cb6b0f357591171dfcca2eea09de"
_BLOB = "stateful/orders/orders-2.jar"
_SAVEPOINT = "abfs://flink@account.dfs.core.windows.net/savepoints/orders/8c41/savepoint-5e20cb-4f0a118c2d17"
_CAUSE = shown.Cause(kind="upload", detail=f"{_BLOB} 0x8DD0A1B2C3D4E5F")

RELEASE = shown.Release(
    id="9b74c9897bac770ffc029102a200c5de5f1a1f3f2f1c6c8c1b8b2f2e7a5d3c10",
    sha256="2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    size_bytes=41_938_112,
    jar_name="orders-2.jar",
    spec=shown.Spec(args=("--topic", "orders", "--db.password", "******"), parallelism=4, on_failure="rollback"),
)
WAITING = shown.Operation(
    state="open",
    id=_ID,
    job="orders",
    request=shown.Request(action=Action.STOP, spec=shown.Spec()),
    cause=shown.Cause(kind="http", detail="function key, from 203.0.113.7"),
    requested_at=_AT,
    progressed_at=_AT,
)
UPDATED = shown.Operation(
    state="closed",
    id=_ID,
    job="orders",
    request=shown.Request(
        action=Action.UPDATE,
        jar=shown.Jar(place="uploads", name=_BLOB, etag="0x8DD0A1B2C3D4E5F", last_modified=_AT),
        spec=shown.Spec(),
        folder="stateful",
    ),
    cause=_CAUSE,
    requested_at=_AT,
    driven_at=_AT + timedelta(seconds=1),
    progressed_at=_AT + timedelta(seconds=14),
    release=RELEASE,
    checked=shown.Checked(release=RELEASE.id, verdict="PASSED"),
    savepoint=_SAVEPOINT,
    downtime=shown.Downtime(since=_AT + timedelta(seconds=2), until=_AT + timedelta(seconds=5)),
    steps=(
        shown.Step(at=_AT + timedelta(seconds=2), step="Stop", detail="25e318907f786a2c6aee392df6580035"),
        shown.Step(at=_AT + timedelta(seconds=4), step="Start", detail=f"{_COPY} from {_SAVEPOINT}"),
    ),
    result=shown.Result(
        outcome=Outcome.SUCCEEDED,
        message="the new release runs",
        ended_at=_AT + timedelta(seconds=16),
        flink_job_id=_COPY,
        savepoint=_SAVEPOINT,
        restored_from=_SAVEPOINT,
    ),
)
STORED = shown.StoredUpload(
    blob=f"plans/{RELEASE.sha256[:32]}/orders-2.jar",
    size_bytes=RELEASE.size_bytes,
    sha256=RELEASE.sha256,
    etag='"0x8DD0A1B2C3D4E5F"',
    written="created",
)
LAST = shown.LastOperation(
    id=_ID,
    action=Action.UPDATE,
    cause=_CAUSE,
    outcome=Outcome.SUCCEEDED,
    message="the new release runs",
    ended_at=_AT + timedelta(seconds=16),
)
JOB = shown.Job(
    name="orders",
    status="RUNNING",
    flink_job_id=_COPY,
    folder="stateful",
    release=RELEASE,
    run=shown.Copy(flink_job_id=_COPY, release_id=RELEASE.id, started_at=_AT, started_from=_SAVEPOINT),
    last_save_point=_SAVEPOINT,
    open=(),
    last=LAST,
    links=shown.Links(
        flink=f"https://flink.example.com/#/job/running/{_COPY}/overview",
        trace="https://traces.example.com/trace/{traceId}",
    ),
)
JOBS = shown.Jobs(
    jobs=(
        shown.JobInList(
            name="orders",
            status="RUNNING",
            flink_job_id=_COPY,
            folder="stateful",
            release=shown.ReleaseInList(id=RELEASE.id, sha256=RELEASE.sha256, jar_name=RELEASE.jar_name),
            run=shown.CopyInList(flink_job_id=_COPY, release_id=RELEASE.id, started_at=_AT),
            last_save_point=_SAVEPOINT,
            last_save_point_at=_AT,
            open=(),
            open_count=0,
            last=LAST,
        ),
    )
)
OPERATIONS = shown.Operations(operations=(UPDATED,))
SAVEPOINTS = shown.Savepoints(
    savepoints=(
        shown.Savepoint(
            path=_SAVEPOINT,
            taken_at=_AT,
            origin="UPDATE",
            cause="upload",
            flink_job_id="25e318907f786a2c6aee392df6580035",
            operation=_ID,
            restored=True,
            size_bytes=734_003_200,
        ),
    )
)
EXCEPTIONS = shown.Exceptions(
    copies=(
        shown.ExceptionsOfCopy(
            flink_job_id=_COPY,
            release_id=RELEASE.id,
            started_at=_AT,
            exceptions=(
                shown.FlinkException(
                    at=_AT + timedelta(hours=2),
                    cause="java.lang.NumberFormatException: For input string: n/a",
                    blames="RELEASE",
                    task="parse -> count (1/4) - execution #0",
                    endpoint="10.0.0.7:41317",
                    stack_trace="java.lang.NumberFormatException: For input string: n/a\n\tat com.example.Parse.map",
                ),
            ),
        ),
    )
)
RELEASES = shown.Releases(
    releases=(
        shown.KeptRelease(
            id=RELEASE.id,
            sha256=RELEASE.sha256,
            jar_name=RELEASE.jar_name,
            size_bytes=RELEASE.size_bytes,
            spec=RELEASE.spec,
            kept_at=_AT + timedelta(seconds=1),
            kept_by=_ID,
            wanted=True,
            running=True,
            available=True,
            operations=(
                shown.ReleaseOperation(
                    id=_ID,
                    action=Action.UPDATE,
                    cause=_CAUSE,
                    outcome=Outcome.SUCCEEDED,
                    ended_at=_AT + timedelta(seconds=16),
                ),
            ),
        ),
    )
)
UPLOADS = shown.Uploads(
    uploads=(
        shown.Upload(
            state="closed",
            blob=_BLOB,
            at=_AT,
            job="orders",
            operation=_ID,
            outcome=Outcome.SUCCEEDED,
            message="the new release runs",
        ),
        shown.Upload(state="waiting", blob="stateful/bills/job.json", at=_AT, job="bills", message="waits for b.jar"),
    )
)
PLAN = shown.Plan(
    id="3f2a9c1b7d4e5a60.9b74c9897bac770f",
    verdict="WILL_DO",
    action=Action.UPDATE,
    steps=(
        shown.StepAhead(step="Keep"),
        shown.StepAhead(step="Check", detail="2c26b46b68ff (orders-2.jar)"),
        shown.StepAhead(step="Stop", detail=f"{_COPY}, with a savepoint below {_SAVEPOINT.rsplit('/', 2)[0]}"),
        shown.StepAhead(step="Start", detail="release 9b74c9897bac from its savepoint"),
        shown.StepAhead(step="TakeCheckpoint", detail="proves the new copy"),
    ),
    stops=shown.Stops(flink_job_id=_COPY, status="RUNNING", release_id=f"{0xAB:064x}"),
    state=shown.StateTaken(path=_SAVEPOINT.rsplit("/", 2)[0], kind="stop", taken_at=_AT, size_bytes=734_003_200),
    release=RELEASE,
    spec=(shown.Difference(field="parallelism", before=2, after=4),),
    operators=shown.Operators(
        kept=("cbc357ccb763df2852fee8c4fc7d55f2",),
        new=(),
        gone=(shown.OperatorGone(id="ca88eee0c0a1b0b7ec57f8ca7f7e0a0d", name="dedupe", state_bytes=0),),
        max_parallelism=128,
    ),
    slots=shown.Slots(needed=4, free=6),
    expected_downtime_seconds=3.4,
    rollback=shown.Rollback(
        about="the release that runs now is started again from the savepoint of the stop", release_id=f"{0xAB:064x}"
    ),
)
ME = shown.Me(name="Ada Lovelace", role="operator")
PROBE = shown.Probe(id="test.5f0c3a9d", delivered=True, status=204, answer="")
HELD = shown.HeldUploads(paused=True, held=())
WELL = Health(healthy=True, cluster_kind="session", storage=Reach(reachable=True), cluster=Reach(reachable=True))
ILL = Health(healthy=False, faults=("FLINK_CLUSTER_KIND: Field required",))
