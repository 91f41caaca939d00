"""A cluster behind the ARM job API: how a job is looked at there, and how one step is carried out.

    step      what is called
    --------  ------------------------------------------------------------------------------------
    Keep      the keeper: the jar's bytes become a release
    PlaceJar  the bytes are copied onto <JOB_JAR_DIRECTORY>/<job>/<job>.jar
    Submit    runJob, once; a release is named by that place, with its spec and our marker

All that wait share one listing; only what is about to be sent or ended is decided on a listing that was begun for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy as duplicate
from datetime import datetime
from functools import partial
from typing import Protocol

from ..clients.arm import ArmClient, RunJob
from ..clients.jars import JarsInPlace
from ..clients.listing import SharedListing
from ..core.arguments import join_arguments
from ..core.arm.beginning import status_of
from ..core.arm.row import MARKER, Row
from ..core.arm.seen import ArmLimits, ArmSeen, OperationState, OperationStatus, refuse
from ..core.arm.table import next_step
from ..core.errors import FlinkFuncsError, Refused, Unavailable
from ..core.jobs import JobRecord, Recorded
from ..core.names import Directory, JobName
from ..core.operations import Operation
from ..core.releases import Release, Spec
from ..core.steps import (
    Cancel,
    Check,
    End,
    Keep,
    Kept,
    Learned,
    Placed,
    PlaceJar,
    Start,
    Step,
    Stop,
    Submit,
    Submitted,
    TakeCheckpoint,
    Trigger,
    UploadJar,
    Wait,
)
from ..settings import Settings
from .keeper import Keeper, keep_release
from .program import keep_secrets


class PlacesJars(Protocol):
    """What can copy kept bytes to where the service reads them."""

    def place(self, job: JobName, sha256: str, name: str) -> None:
        """Copy the bytes of a release onto the blob of that name in the container of JOB_JAR_DIRECTORY."""
        ...


class HDInsightCluster:
    """Jobs on one cluster, by ARM's job API."""

    def __init__(self, settings: Settings, client: ArmClient, jars: PlacesJars, keeper: Keeper) -> None:
        """Keep what is needed; nothing is asked yet.

        Raises:
            Unavailable: a setting is missing.

        """
        settings.require("cluster_subscription_id", "cluster_resource_group", "cluster_pool", "job_jar_directory")
        self._client = client
        self._jars = jars
        self._keeper = keeper
        self._directory = Directory.parse(settings.job_jar_directory)
        self._limits = ArmLimits(
            api_version=settings.arm_api_version,
            poll_seconds=settings.arm_poll_seconds,
            deadline_seconds=settings.arm_deadline_seconds,
            hold_after_rollback=settings.hold_after_rollback,
        )
        self._listing = SharedListing(client.jobs, interval_seconds=settings.arm_poll_seconds)
        self._key = ".".join(
            (
                settings.cluster_subscription_id,
                settings.cluster_resource_group,
                settings.cluster_pool,
                settings.cluster_name,
            )
        ).lower()

    @property
    def key(self) -> str:
        """The cluster's part of every ledger key."""
        return self._key

    # -------------------------------------------------------------------------------------------------------- looking

    def next_step(self, record: JobRecord, operation: Operation, now: datetime) -> Step:
        """Look at the job and name the one thing to do now; what cannot be asked at all ends what touched nothing."""
        keep_secrets(record, operation)
        try:
            return self._next_step(record, operation, now)
        except Refused as error:
            if operation.acted:
                raise Unavailable(error.message, code=error.code) from error
            return refuse(error.message, error.code)

    def _next_step(self, record: JobRecord, operation: Operation, now: datetime) -> Step:
        began = self._listing.now()
        step = self._decided(record, operation, now, self._listing.get())
        if not operation.acted and isinstance(step, Submit | End):
            return self._decided(record, operation, now, self._listing.get(after=began))
        return step

    def _decided(self, record: JobRecord, operation: Operation, now: datetime, rows: list[Row]) -> Step:
        ours = tuple(row for row in rows if row.job_name == record.name)
        seen = ArmSeen(now=now, rows=ours, polled=self._polled(operation))
        return next_step(operation, record, seen, self._limits)

    def _polled(self, operation: Operation) -> OperationStatus:
        """Ask for the long-running operation until it has succeeded; without it the rows alone tell."""
        arm = operation.arm
        if arm is None or not operation.acted or (arm.operation_url is None and not arm.accepted):
            return OperationStatus()
        if arm.accepted or arm.operation_url is None:
            return OperationStatus(OperationState.SUCCEEDED)
        try:
            return self._client.operation(arm.operation_url)
        except FlinkFuncsError:
            return OperationStatus()

    def statuses(self, jobs: Mapping[JobName, Recorded]) -> Mapping[JobName, str]:
        """Return a status word for each job.

        Raises:
            Unavailable: the jobs cannot be listed now.

        """
        try:
            rows = self._listing.get()
        except Refused as error:
            raise Unavailable(error.message, code=error.code) from error
        return {name: status_of(job, (row for row in rows if row.job_name == name)) for name, job in jobs.items()}

    def in_place(self, jars: JarsInPlace) -> HDInsightCluster:
        """Return the same cluster for a plan, which reads jars where they lie."""
        same = duplicate(self)
        same._keeper = partial(keep_release, jars)
        return same

    # --------------------------------------------------------------------------------------------------------- acting

    def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
        """Carry out one step, with one call that changes something."""
        match step:
            case Keep():
                return Kept(self._keeper(record, operation))
            case PlaceJar(release):
                self._jars.place(record.name, release.sha256, self._place(record.name).path.lstrip("/"))
                return Placed(release.sha256)
            case Submit():
                return Submitted(self._client.run_job(self._properties(operation, step)).operation_url)
            case UploadJar() | Check() | Stop() | Trigger() | TakeCheckpoint() | Cancel() | Start() | Wait() | End():
                raise AssertionError(f"{type(step).__name__} is no step of a cluster behind the ARM job API")

    def _place(self, job: JobName) -> Directory:
        return self._directory.child(job, f"{job}.jar")

    def _properties(self, operation: Operation, step: Submit) -> RunJob:
        """Write the body: the action, and the release where the action brings one."""
        bare = RunJob(job_name=operation.job, action=step.action, save_point_name=step.save_point_name)
        if step.release is None:
            return bare
        spec = step.release.spec
        return bare.model_copy(
            update={
                "job_jar_directory": str(self._directory.child(operation.job)),
                "jar_name": f"{operation.job}.jar",
                "entry_class": spec.entry_class,
                "args": _arguments(spec),
                "flink_configuration": _configuration(step.release, operation),
            }
        )


def _arguments(spec: Spec) -> str:
    """Return the API's one text of arguments; what an older version recorded goes as it came.

    Raises:
        Refused: no one text says them.

    """
    try:
        return spec.args if isinstance(spec.args, str) else join_arguments(spec.args)
    except ValueError as error:
        raise Refused(f"the ARM API takes arguments as one text: {error}", code="ArgumentsUnsayable") from None


def _configuration(release: Release, operation: Operation) -> dict[str, str]:
    """Return flinkConfiguration as the API has it, with its two specials and our marker."""
    spec = release.spec
    specials = {"parallelism": str(spec.parallelism), MARKER: operation.id}
    if spec.savepoint_directory:
        specials["savepoint.directory"] = spec.savepoint_directory
    return spec.flink_configuration | specials
