"""Flink's REST API, 1.17 to 2.x, as far as this app needs it; each trap stands beside the line that knows it.

What it answers is measured: docs/tables.md, "Flink, as measured". Cached endpoints (`/jobs/:id`, `/checkpoints`: up to
3 s) are never asked whether a job has ended; `/jobs/:id/status` is not cached.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import IO, cast
from urllib.parse import quote

from requests_toolbelt import MultipartEncoder

from ..core.errors import NotFound, Refused, Unanswered, Unavailable
from ..core.session.blame import Failure, Thrown, failed_over
from ..core.session.facts import (
    DisposalFailed,
    DisposalRunning,
    DisposalSeen,
    Disposed,
    Left,
    TriggerDone,
    TriggerFailed,
    TriggerRunning,
    TriggerSeen,
    TriggerUnknown,
)
from ..core.session.gate import Planned, Vertex
from ..core.session.slots import Room
from . import flink_plan as plans
from . import flink_wire as wire
from .flink_access import FlinkAccess, not_flinks
from .http import Reply, Wire, raise_for
from .jars import Reader

UPLOAD_SECONDS = 300.0  # a large jar over a slow link
SAVEPOINT_IN_CAUSE = re.compile(r"A savepoint has been created at: (\S+?),? but the corresponding job")
# What a JobManager that stands by answers while the leader is dead and ZooKeeper does not miss it yet (400 to /run, 500
# to all else): the call did not reach the leader. After that it is 503 until another one leads.
NO_LEADER = b"RecipientUnreachableException"
NO_CHECKPOINTS = b"Checkpointing has not been enabled"  # a 404 about a job in batch mode, which takes none
# How Flink answers below /jars where web submission is off: 404 as for any unknown path, 400 to an upload.
NO_JAR_ROUTE = re.compile(rb"requested file /jars|Not found: /jars|POST request not allowed")
WEB_SUBMISSION_OFF = "WebSubmissionOff"  # the code of an error
NO_WEB_SUBMISSION = (
    "web.submit.enable: off on the cluster (or it is not a session cluster), so no jar can be uploaded, checked or "
    "started; STOP, CANCEL and SAVEPOINT work"
)
UNKNOWN_JOB = (b"FlinkJobNotFoundException", b"Could not find Flink job")


@dataclass(frozen=True)
class RunRequest:
    """What is sent to start a jar."""

    jar_id: str
    flink_job_id: str
    entry_class: str | None
    arguments: list[str]
    parallelism: int
    configuration: dict[str, str]
    savepoint: str | None
    allow_non_restored_state: bool


class Flink:
    """One session cluster."""

    def __init__(self, url: str, *, call_seconds: float, access: FlinkAccess | None = None) -> None:
        """Keep the URL; nothing is asked yet.

        Args:
            url: where its REST API is.
            call_seconds: how long one call may take.
            access: how to get there through what asks for TLS or credentials.

        """
        self._wire = access or Wire(url, peer="flink", read_seconds=call_seconds)

    # ----------------------------------------------------------------------------------------------------- the cluster

    def about(self) -> wire.ClusterConfig:
        """Return Flink's version and what its REST API offers."""
        return self._get("/config").parsed(wire.ClusterConfig)

    @cached_property
    def version(self) -> tuple[int, int]:
        """Flink's major and minor version."""
        about = self.about()
        if about.version is None:
            raise Unavailable(f"Flink names no version: {about.flink_version[:32]!r}", code="BadAnswer")
        return about.version

    def configuration(self) -> dict[str, str]:
        """Return the JobManager's configuration."""
        entries = self._get("/jobmanager/config").parsed(wire.JobManagerConfig).root
        return {entry.key: entry.value for entry in entries}

    def overview(self) -> list[wire.Listed]:
        """List every job that the cluster knows."""
        return self._get("/jobs/overview").parsed(wire.Overview).jobs

    def hosts(self) -> frozenset[str]:
        """Return the hosts on which TaskManagers run."""
        return frozenset(manager.host for manager in self._taskmanagers())

    def holds_slots(self, flink_job_id: str) -> bool:
        """Whether any TaskManager lists slots of a job, also of one that the JobManager does not know."""
        return any(flink_job_id in _holders(self._taskmanager(manager.id)) for manager in self._taskmanagers())

    def room_for(self, flink_job_id: str | None) -> Room:
        """Return how many slots that job could have at most: all but those that others surely hold.

        1.17 does not tell who holds a slot, so there it is every slot.
        """
        names = tuple(manager.id for manager in self._taskmanagers())
        managers = [self._taskmanager(name) for name in names]
        others = [sum(job != flink_job_id for job in _holders(manager)) for manager in managers]
        return Room(sum(manager.slots for manager in managers) - sum(others), names)

    def slots_for(self, flink_job_id: str | None) -> int:
        """Return how many slots are free, or would be without that job: its widest vertex tells how many it holds."""
        free = self._get("/overview").parsed(plans.Slots).available
        if flink_job_id is None:
            return free
        vertices = self._get(f"/jobs/{flink_job_id}").parsed(plans.NamedVertices).vertices
        return free + max((vertex.parallelism for vertex in vertices), default=0)

    def _taskmanagers(self) -> list[wire.TaskManagerEntry]:
        return self._get("/taskmanagers").parsed(wire.TaskManagers).taskmanagers

    def _taskmanager(self, name: str) -> wire.TaskManager:
        """Return what a TaskManager has; one that is gone by now has nothing."""
        try:
            return self._get(f"/taskmanagers/{quote(name, safe='')}").parsed(wire.TaskManager)
        except NotFound:
            return wire.TaskManager()

    # ------------------------------------------------------------------------------------------------------------ jars

    def jars(self) -> list[wire.JarFile]:
        """List the jars that were uploaded, whoever did it; the same jar uploaded twice is listed twice."""
        return _checked(self._of_jars(self._wire.send("GET", "/jars"))).parsed(wire.JarFiles).files

    def jar_id(self, name: str, *, since: datetime | None = None) -> str | None:
        """Return the id under which a jar of that name was uploaded (since then); the newest of several counts."""
        files = [file for file in self.jars() if file.name == name and (since is None or file.uploaded_at >= since)]
        return max(files, key=lambda file: file.uploaded).id if files else None

    def delete_jar(self, jar_id: str) -> None:
        """Delete an uploaded jar; running jobs have their own copy of it. Flink says 400 of one that is gone."""
        reply = self._wire.send("DELETE", f"/jars/{quote(jar_id, safe='')}")
        if reply.status not in (400, 404) or not wire.is_flinks(reply):
            _checked(reply)

    def upload(self, name: str, reader: Reader) -> None:
        """Send a jar; Flink takes any bytes, so they are checked before."""
        form = MultipartEncoder({"jarfile": (name, reader, "application/x-java-archive")})
        headers = {"Content-Type": form.content_type}
        stream = cast("IO[bytes]", form)  # requests asks for read() and a length, no more
        reply = self._wire.send("POST", "/jars/upload", data=stream, headers=headers, read_seconds=UPLOAD_SECONDS)
        if reply.status == 413 and not wire.is_flinks(reply):
            raise Refused(f"{reply.about}: what stands before Flink takes no jar of this size", code="JarTooLarge")
        _checked(self._of_jars(reply))

    def run(self, request: RunRequest) -> None:
        """Start a jar under a job id of our choice; Flink takes an id once.

        Raises:
            Refused: main() threw, the savepoint is missing, its state does not fit, or the id was taken before.
            Unanswered: main() may still be running.

        """
        body = _program(request) | {
            # Always said: left out, a key of the configuration could decide it.
            "allowNonRestoredState": request.allow_non_restored_state,
            self.claim_field(): "NO_CLAIM",
        }
        if request.savepoint:
            body["savepointPath"] = request.savepoint
        reply = self._of_jars(self._wire.send("POST", f"/jars/{request.jar_id}/run", body=body))
        if reply.status >= 400 and b"TimeoutException" in reply.body:
            # Flink wraps whatever goes wrong into a 400; a submission that only timed out may still take effect.
            raise Unanswered(f"{reply.about}: a timeout inside Flink")
        # 500: a jar that is no zip. A proxy's 502 or 504 says nothing of what Flink does meanwhile.
        _checked(reply, server_error=Refused if wire.is_flinks(reply) else None)

    def claim_field(self) -> str:
        """Return the field of a start that says who owns the savepoint.

        1.17 to 1.19 answer 400 to claimMode; later ones know restoreMode only as a deprecated word for it.

        Raises:
            Unavailable: it is not known, since Flink cannot be asked now or names no version.

        """
        return "claimMode" if self.version >= (1, 20) else "restoreMode"

    def plan(self, request: RunRequest, *, seconds: float) -> Planned:
        """Run a jar's main() on the JobManager without starting a job; its state is not looked at.

        `seconds`: how long main() may take. When the time is up it goes on there, and nobody can end it.

        Raises:
            Refused: main() threw, or there is no such class; the message has Flink's cause.
            Unanswered: main() may still be running, or it took the JobManager along.

        """
        path, body = f"/jars/{request.jar_id}/plan", _program(request)
        reply = self._of_jars(self._wire.send("POST", path, body=body, read_seconds=seconds))
        told = wire.is_flinks(reply)  # a gateway in between says 502 and 504, which are no word about main()
        good = _checked(reply, server_error=Refused if told else None)
        try:
            return good.parsed(plans.PlanAnswer).planned
        except Unavailable as error:
            raise Unanswered(error.message, code=error.code) from error

    def _of_jars(self, reply: Reply) -> Reply:
        """Return an answer of a route below /jars as it is, if the cluster has such routes.

        Raises:
            Unavailable: it has none, so nothing was carried out; none can be uploaded, planned or started.

        """
        missing = reply.status in (400, 404) and NO_JAR_ROUTE.search(reply.body)
        if missing and not self.about().features.web_submit:
            raise Unavailable(f"{reply.about}: {NO_WEB_SUBMISSION}", code=WEB_SUBMISSION_OFF)
        return reply

    # ------------------------------------------------------------------------------------------------------------ jobs

    def status(self, flink_job_id: str) -> str | None:
        """Return a job's state, or None if the cluster does not know the id. Not cached."""
        reply = self._wire.send("GET", f"/jobs/{flink_job_id}/status")
        if reply.status in (404, 500) and wire.is_flinks(reply) and any(word in reply.body for word in UNKNOWN_JOB):
            return None  # an unknown job is a 500 here, a 404 elsewhere
        return _checked(reply).parsed(wire.JobStatus).status

    def described(self, flink_job_id: str) -> wire.JobDetails | None:
        """Return a job's name and vertices, or None if the cluster does not know the id. Cached, up to 3 s."""
        try:
            return self._get(f"/jobs/{flink_job_id}").parsed(wire.JobDetails)
        except NotFound:
            return None

    def checkpoints(self, flink_job_id: str) -> wire.Checkpoints:
        """Return what a job restored and saved, and how often. Cached, up to 3 s."""
        try:
            return self._get(f"/jobs/{flink_job_id}/checkpoints").parsed(wire.Checkpoints)
        except NotFound:
            return wire.Checkpoints()

    def left(self, flink_job_id: str, *, ended: bool) -> Left | None:
        """Return the newest state of a job; None: it has none. Cached, up to 3 s.

        While a job runs, a cached answer may call its newest checkpoint discarded: then there is a newer one by now.

        Raises:
            NotFound: the cluster does not know the id (any more).
            Unavailable: it cannot be asked now; a 404 that is not Flink's own says no more than that.

        """
        reply = self._wire.send("GET", f"/jobs/{flink_job_id}/checkpoints")
        if reply.status == 404 and NO_CHECKPOINTS in reply.body and wire.is_flinks(reply):
            return Left("none", survives=False, batch=True)
        latest = _checked(reply).parsed(wire.Checkpoints).latest
        config = self._get(f"/jobs/{flink_job_id}/checkpoints/config").parsed(wire.CheckpointsConfig)
        told = []
        if latest.restored:  # all that is told after another JobManager took the job over
            told.append((latest.restored.id, latest.restored.path, latest.restored.is_savepoint, False))
        if latest.completed:
            told.append((latest.completed.id, latest.completed.path, False, latest.completed.discarded))
        if latest.savepoint:
            told.append((latest.savepoint.id, latest.savepoint.path, True, latest.savepoint.discarded))
        if not told:
            return None
        _, path, is_savepoint, discarded = max(told, key=lambda one: one[0])
        deleted = discarded and ended
        lasts = (is_savepoint or config.retained) and not deleted and path is not None and ":/" in path
        return Left(path or "in memory", survives=lasts, unaligned=config.unaligned_checkpoints and not is_savepoint)

    def has_changelog(self, flink_job_id: str) -> bool | None:
        """Whether a job runs with the changelog state backend; None where the cluster does not know (any more)."""
        try:
            reply = self._get(f"/jobs/{flink_job_id}/checkpoints/config")
        except NotFound:
            return None
        return reply.parsed(wire.CheckpointsConfig).state_changelog_enabled

    def checkpoint_state(self, flink_job_id: str) -> tuple[Vertex, ...] | None:
        """Return the state of each vertex in the newest checkpoint or savepoint, or None where there is none."""
        try:
            named = self._get(f"/jobs/{flink_job_id}").parsed(plans.NamedVertices)
            number = self._get(f"/jobs/{flink_job_id}/checkpoints").parsed(plans.NewestOfJob).number
            if number is None:
                return None
            reply = self._get(f"/jobs/{flink_job_id}/checkpoints/details/{number}")
        except NotFound:
            return None
        return reply.parsed(plans.CheckpointDetails).vertices(named)

    def failures(self, flink_job_id: str) -> tuple[Failure, ...]:
        """Return a job's exceptions, newest first, at most as many as Flink keeps by default. Cached, up to 3 s."""
        return tuple(entry.failure for entry in self._exceptions(flink_job_id) or ())

    def thrown(self, flink_job_id: str) -> tuple[Thrown, ...] | None:
        """Return the same with their stacks, or None if the cluster does not know the id."""
        entries = self._exceptions(flink_job_id)
        return None if entries is None else tuple(entry.thrown for entry in entries)

    def _exceptions(self, flink_job_id: str) -> list[wire.ExceptionEntry] | None:
        try:
            reply = self._get(f"/jobs/{flink_job_id}/exceptions?maxExceptions=16")
        except NotFound:
            return None
        return reply.parsed(wire.Exceptions).history.entries

    def take_checkpoint(self, flink_job_id: str, trigger_id: str) -> None:
        """Ask for a checkpoint; it is taken also where periodic checkpointing is off."""
        body = {"triggerId": trigger_id, "checkpointType": "CONFIGURED"}
        _checked(self._wire.send("POST", f"/jobs/{flink_job_id}/checkpoints", body=body))

    def checkpoint(self, flink_job_id: str, trigger_id: str) -> TriggerSeen:
        """Return what became of a checkpoint that was asked for."""
        return self._triggered(f"/jobs/{flink_job_id}/checkpoints/{trigger_id}")

    def stop(self, flink_job_id: str, *, trigger_id: str, directory: str, savepoint_format: str) -> None:
        """Stop a job with a savepoint, never draining. 202 says nothing, not even that there is such a job."""
        body = {"triggerId": trigger_id, "targetDirectory": directory, "drain": False, "formatType": savepoint_format}
        _checked(self._wire.send("POST", f"/jobs/{flink_job_id}/stop", body=body))

    def trigger_savepoint(self, flink_job_id: str, *, trigger_id: str, directory: str, savepoint_format: str) -> None:
        """Take a savepoint. Its fields have dashes where those of /stop are camelCase."""
        body = {
            "triggerId": trigger_id,
            "target-directory": directory,
            "cancel-job": False,
            "formatType": savepoint_format,
        }
        _checked(self._wire.send("POST", f"/jobs/{flink_job_id}/savepoints", body=body))

    def savepoint(self, flink_job_id: str, trigger_id: str) -> TriggerSeen:
        """Return what became of a stop or a savepoint."""
        return self._triggered(f"/jobs/{flink_job_id}/savepoints/{trigger_id}")

    def _triggered(self, path: str) -> TriggerSeen:
        """Return what became of what was triggered. Flink says COMPLETED of failures, too."""
        try:
            answer = self._get(path).parsed(wire.TriggerAnswer)
        except NotFound:
            return TriggerUnknown()
        operation = answer.operation
        if answer.status.id != "COMPLETED" or operation is None:
            return TriggerRunning()
        if operation.location:
            return TriggerDone(operation.location)
        if operation.checkpoint_id is not None:
            return TriggerDone(f"chk-{operation.checkpoint_id}")
        trace = operation.failure_cause.stack_trace if operation.failure_cause else "Flink names no cause"
        written = SAVEPOINT_IN_CAUSE.search(trace)
        return TriggerFailed(wire.root_cause(trace), written[1] if written else None, failed_over(trace))

    def dispose(self, path: str) -> str:
        """Begin to dispose of a savepoint; return the id of the request. Asked again, it is another request."""
        reply = self._wire.send("POST", "/savepoint-disposal", body={"savepoint-path": path})
        return _checked(reply).parsed(wire.Accepted).request_id

    def disposal(self, request_id: str) -> DisposalSeen:
        """Return what became of a disposal. Flink says COMPLETED of failures, too."""
        try:
            answer = self._get(f"/savepoint-disposal/{request_id}").parsed(wire.TriggerAnswer)
        except NotFound:
            return DisposalFailed("the cluster has forgotten the request")
        if answer.status.id != "COMPLETED" or answer.operation is None:
            return DisposalRunning()
        failure = answer.operation.failure_cause
        if failure is None or wire.is_gone(failure.stack_trace):
            return Disposed()
        return DisposalFailed(wire.root_cause(failure.stack_trace))

    def cancel(self, flink_job_id: str) -> None:
        """Cancel a job; one that has ended already is no error: the next look tells."""
        reply = self._wire.send("PATCH", f"/jobs/{flink_job_id}?mode=cancel")
        if reply.status not in (404, 409) or not wire.is_flinks(reply):
            _checked(reply)

    def _get(self, path: str) -> Reply:
        return _checked(self._wire.send("GET", path))


def _holders(manager: wire.TaskManager) -> list[str]:
    """Return the job of each slot that is given to one."""
    return [slot.job_id for slot in manager.allocated_slots]


def _program(request: RunRequest) -> dict[str, object]:
    """Return what /plan and /run take alike."""
    body: dict[str, object] = {
        "jobId": request.flink_job_id,
        "programArgsList": request.arguments,
        "parallelism": request.parallelism,
        "flinkConfiguration": request.configuration,
    }
    return body | ({"entryClass": request.entry_class} if request.entry_class else {})


def _checked(reply: Reply, *, server_error: type[Refused] | None = None) -> Reply:
    if reply.status >= 400 and NO_LEADER in reply.body:
        raise Unavailable(f"{reply.about}: no JobManager leads", code="NoLeader")
    if error := not_flinks(reply):
        raise error
    return raise_for(wire.with_root_cause(reply) if reply.status >= 300 else reply, server_error=server_error)
