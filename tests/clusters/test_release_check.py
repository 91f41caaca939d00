"""What the check of a release proves on a real Flink: of every pair of the example's jars, with their real state."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest

from examples.build import JARS_DIRECTORY
from flinkfuncs.clients.flink import Flink
from flinkfuncs.clusters.check import ReleaseCheck
from flinkfuncs.clusters.program import jar_name, run_request
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Copy, JobRecord
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import Cause, Checked, Operation, Request, operation_id
from flinkfuncs.core.releases import JarSource, Release, Spec

from .jar import Jar

NAME = JobName("orders")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Real:
    """A real Flink, and the check on it."""

    flink: Flink
    sinks: Path
    main_seconds: float = 20

    def release(self, version: str, *, parallelism: int = 2, arguments: str = "", drops: bool = False) -> Release:
        """Return an example as a release whose jar lies on the cluster."""
        jar = (JARS_DIRECTORY / f"sequence-{version}.jar").read_bytes()
        args = f"--sink {(self.sinks / version).as_uri()} --rate 400 --checkpoint-interval 200 {arguments}"
        release = Release(
            sha256=hashlib.sha256(jar).hexdigest(),
            size_bytes=len(jar),
            jar_name=f"sequence-{version}.jar",
            spec=Spec(args=args, parallelism=parallelism, allow_non_restored_state=drops),
            source=JarSource(place="uploads", name="x"),
        )
        if self.flink.jar_id(jar_name(release)) is None:
            self.flink.upload(jar_name(release), Jar(jar))  # type: ignore[arg-type]
        return release

    def run(self, version: str) -> JobRecord:
        """Run an example until it has a checkpoint; return the record as an update finds it."""
        release = self.release(version)
        checked = self.check(JobRecord(name=NAME), release)
        assert checked.verdict == "PASSED", checked
        job = hashlib.sha256(version.encode()).hexdigest()[:32]
        request = run_request(self.flink, JobRecord(name=NAME), release, flink_job_id=job)
        assert request
        self.flink.run(request)
        copy = Copy(flink_job_id=job, release=release, operation="x", started_at=NOW, operators=checked.operators)
        until = time.monotonic() + 30
        while not (state := self.flink.checkpoint_state(job)) or not all(vertex.state_bytes for vertex in state):
            assert time.monotonic() < until, state
            time.sleep(0.1)
        return JobRecord(name=NAME, wanted=release, current=copy)

    def check(self, record: JobRecord, release: Release, *, action: Action = Action.UPDATE) -> Checked:
        """Check a release."""
        operation = Operation(
            id=operation_id(NAME, at=NOW, identity=release.id),
            job=NAME,
            request=Request(action=action),
            cause=Cause(kind="http", detail="x"),
            requested_at=NOW,
            progressed_at=NOW,
            release=release,
        )
        return ReleaseCheck(self.flink, self.main_seconds, allow_unguarded=False).check(record, operation, release)


Running: TypeAlias = Callable[[str], JobRecord]


@pytest.fixture(scope="module")
def real(flink: Flink, tmp_path_factory: pytest.TempPathFactory) -> Real:
    """A Flink on which nothing runs yet."""
    return Real(flink, tmp_path_factory.mktemp("sinks"))


@pytest.fixture(scope="module")
def running(real: Real) -> Running:
    """The job of a version, which runs from the first time that it is asked for."""
    return cache(real.run)


MORE = pytest.mark.nightly("tests/unit/session has the rule for each; one pair passes here, and one is refused")
PASSES, LOST = "PASSED", "REFUSED StateWouldBeDropped"
WARNINGS = {"some operators of": "some gone", "Auto generated UIDs have been disabled": "unnamed"}


def told(found: Checked) -> str:
    """Write a verdict as one line, with what each warning is about."""
    about = [short for warning in found.warnings for words, short in WARNINGS.items() if words in warning]
    assert len(about) == len(found.warnings), found
    return " ".join(filter(None, [found.verdict, found.code, *about]))


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("1", "2", PASSES),
        ("one-operator-more", "1", LOST),
        pytest.param("1", "1", PASSES, marks=MORE),
        pytest.param("1", "one-operator-more", PASSES, marks=MORE),
        # the operators are the same; only a restore tells
        pytest.param("1", "incompatible-state", PASSES, marks=MORE),
        # count, writer and committer: one number for three
        pytest.param("1", "one-operator-fewer", f"{PASSES} some gone", marks=MORE),
        pytest.param("1", "no-uids", f"{PASSES} unnamed", marks=MORE),
        pytest.param("one-operator-more", "one-operator-more", PASSES, marks=MORE),
        pytest.param("one-operator-more", "one-operator-fewer", LOST, marks=MORE),
        pytest.param("one-operator-more", "no-uids", f"{PASSES} unnamed", marks=MORE),
        pytest.param("no-uids", "no-uids", f"{PASSES} unnamed", marks=MORE),
        pytest.param("no-uids", "1", f"{PASSES} some gone", marks=MORE),
    ],
)
@pytest.mark.parametrize("known", [True, pytest.param(False, marks=MORE)], ids=["planned before", "not planned before"])
def test_a_release_is_refused_only_if_state_is_surely_dropped(
    real: Real, running: Running, old: str, new: str, verdict: str, *, known: bool
) -> None:
    """The same whether the old release's operators are recorded, or have to be planned again."""
    record = running(old)
    assert record.current
    if not known:
        record = record.but(current=record.current.model_copy(update={"operators": ()}))
    assert told(real.check(record, real.release(new))) == verdict


@pytest.mark.parametrize(
    ("version", "words"),
    [("throws-in-main", "throws in main()"), ("exits-in-main", "attempted to exit JVM")],
)
def test_a_main_that_fails_is_refused_with_flinks_cause(real: Real, version: str, words: str) -> None:
    """The JobManager lives on, also where main() calls System.exit: it is set to throw."""
    found = real.check(JobRecord(name=NAME), real.release(version), action=Action.NEW)
    assert (found.verdict, found.code) == ("REFUSED", "PlanFailed")
    assert words in (found.cause or "")


def test_a_class_that_is_missing_is_refused(real: Real) -> None:
    """The jar was checked for it before; Flink says the same."""
    release = real.release("1")
    spec = release.spec.model_copy(update={"entry_class": "no.Such"})
    found = real.check(JobRecord(name=NAME), release.model_copy(update={"spec": spec}), action=Action.NEW)
    assert (found.code, "no.Such" in (found.cause or "")) == ("PlanFailed", True)


@pytest.mark.nightly("waits for main(); tests/wire/test_release_check.py refuses it on a server that says nothing")
def test_a_main_that_does_not_end_in_time_is_refused_and_the_jobmanager_goes_on(real: Real) -> None:
    """It goes on to run there; beside it other releases are checked as before."""
    impatient = Real(real.flink, real.sinks, main_seconds=1)
    found = impatient.check(JobRecord(name=NAME), real.release("slow-main", arguments="--main-seconds 4"))
    assert (found.verdict, found.code) == ("REFUSED", "PlanTimeout")
    assert real.check(JobRecord(name=NAME), real.release("1")).verdict == "PASSED"


@pytest.mark.nightly(
    "tests/wire/test_release_check.py counts the slots, tests/flink/test_untouched.py allows it to a job"
)
def test_leave_to_drop_state_and_too_few_slots_are_warnings(real: Real, running: Running) -> None:
    """The state is named; the slots that the old copy holds count as free where Flink tells whose they are."""
    release = real.release("1", parallelism=9, drops=True)
    found = real.check(running("one-operator-more"), release)
    assert found.verdict == "PASSED"
    assert any("at least 9 slots" in warning for warning in found.warnings), found
    assert any("state is dropped, as the release allows: that of 'remember'" in w for w in found.warnings), found
