"""Drives an operation on the cluster of the recordings as the loop does, without storage."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from flinkfuncs.clusters.hdinsight import HDInsightCluster
from flinkfuncs.core import progress
from flinkfuncs.core.errors import Refused, Unanswered, Unavailable
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Operation
from flinkfuncs.core.releases import Release
from flinkfuncs.core.steps import End, Step, Turned, Wait
from tests.recordings import recording
from tests.unit.arm_samples import NOW, release

from .arm_samples import client, settings
from .server import Answer, LocalServer

JOB1 = JobName("job1")


class PlacedJars:
    """Where jars are put: a list."""

    def __init__(self) -> None:
        """Begin with none."""
        self.placed: list[tuple[str, str, str]] = []

    def place(self, job: JobName, sha256: str, name: str) -> None:
        """Keep what was asked for."""
        self.placed.append((job, sha256, name))


def cluster(server: LocalServer, jars: PlacedJars | None = None, held: Release | None = None) -> HDInsightCluster:
    """The cluster of the recordings, whose keeper knows one release."""
    return HDInsightCluster(
        settings(server.url, arm_poll_seconds=1e-6),
        client(server),
        jars or PlacedJars(),
        lambda _r, _o: held or release(),
    )


def answered(server: LocalServer, name: str, exchange: str) -> Answer:
    """A recorded answer, whose URLs lead to the local server."""
    recorded = recording(name).exchange(exchange)
    text = json.dumps([recorded.headers, recorded.body]).replace("https://management.azure.com", server.url)
    headers, body = json.loads(text)
    kept = {key: value for key, value in headers.items() if key in ("Location", "Azure-AsyncOperation", "Retry-After")}
    return Answer(recorded.status, body, kept)


def job1(subject: Operation) -> tuple[JobRecord, Operation]:
    """The operation, on the job of the recordings."""
    ours = subject.model_copy(update={"job": JOB1, "id": "20260915T041847Z-job1-3f2a9c1b7d4e"})
    return JobRecord(name=JOB1, open=(ours,)), ours


def drive(target: HDInsightCluster, known: JobRecord, subject: Operation, *, looks: int = 12) -> tuple[End, list[str]]:
    """Look, decide, write down, act, as the loop does; return the end and the steps before it."""
    steps: list[str] = []
    now: datetime = NOW
    for _ in range(looks):
        step = target.next_step(known, known.operation(subject.id) or subject, now)
        match step:
            case End():
                return step, steps
            case Wait():
                now += timedelta(seconds=400)
                known = progress.noted(known, subject.id, step, now)
            case _:
                steps.append(type(step).__name__)
                known = progress.begun(known, subject.id, step, now)
                begun = known.operation(subject.id) or subject
                known = acted(target, known, begun, step)
    raise AssertionError(f"no end after {looks} looks: {steps}")


def acted(target: HDInsightCluster, known: JobRecord, subject: Operation, step: Step) -> JobRecord:
    """Carry a step out, and write down what it told, as the loop does."""
    try:
        return progress.learned(known, subject.id, step, target.act(known, subject, step))
    except Unanswered:
        return known
    except Unavailable:
        return progress.unsent(known, subject.id, step)
    except Refused as error:
        return progress.learned(known, subject.id, step, Turned(error.message))
