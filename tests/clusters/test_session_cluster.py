"""The facts of a real Flink that the client and the session cluster stand on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

import pytest
import requests
from pydantic import SecretStr

from examples.build import JARS_DIRECTORY
from flinkfuncs.clients.flink import Flink, RunRequest
from flinkfuncs.clients.flink_access import FlinkAccess
from flinkfuncs.clients.savepoint_store import LocalSavepoints
from flinkfuncs.core.errors import FlinkFuncsError, Refused
from flinkfuncs.core.names import Directory
from flinkfuncs.core.session.facts import TriggerDone, TriggerFailed, TriggerRunning, TriggerSeen, TriggerUnknown
from flinkfuncs.core.session.savepoints import same_path
from flinkfuncs.settings import Settings
from localcloud.flink import FlinkCluster
from tests.proxy import Certificates, basic, proxying

from .jar import Jar

NOTHING: Mapping[str, str] = MappingProxyType({})
DROPS = ("execution.state-recovery.ignore-unclaimed-state", "execution.savepoint.ignore-unclaimed-state")
CLAIMS = ("execution.state-recovery.claim-mode", "execution.savepoint-restore-mode")


@dataclass(frozen=True)
class Real:
    """A real Flink and our client of it."""

    cluster: FlinkCluster
    flink: Flink
    sinks: Path

    def upload(self, version: str = "1") -> str:
        """Upload an example's jar; return the name under which it is found."""
        name = f"sequence-{version}.jar"
        self.flink.upload(name, Jar((JARS_DIRECTORY / name).read_bytes()))  # type: ignore[arg-type]
        return name

    def request(
        self,
        version: str = "1",
        *,
        savepoint: str | None = None,
        job: str | None = None,
        configuration: Mapping[str, str] = NOTHING,
    ) -> RunRequest:
        """Return what starts an example, under an id that we choose."""
        jar_id = self.flink.jar_id(self.upload(version))
        assert jar_id
        job = job or uuid4().hex
        sink = (self.sinks / job).as_uri()
        return RunRequest(
            jar_id=jar_id,
            flink_job_id=job,
            entry_class=None,
            arguments=["--sink", sink, "--rate", "500", "--checkpoint-interval", "200"],
            parallelism=2,
            configuration={"pipeline.name": "orders", **configuration},
            savepoint=savepoint,
            allow_non_restored_state=False,
        )

    def start(self, version: str = "1", *, savepoint: str | None = None, job: str | None = None) -> str:
        """Start an example; return the id that we chose."""
        request = self.request(version, savepoint=savepoint, job=job)
        self.flink.run(request)
        return request.flink_job_id

    def start_unsaid(self, request: RunRequest) -> requests.Response:
        """Start an example as a client does that says nothing of how the state is taken."""
        body = {
            "jobId": request.flink_job_id,
            "programArgsList": request.arguments,
            "savepointPath": request.savepoint,
            "flinkConfiguration": request.configuration,
        }
        return requests.post(f"{self.cluster.url}/jars/{request.jar_id}/run", json=body, timeout=30)

    def running(self, version: str = "1", *, savepoint: str | None = None) -> str:
        """Start an example and return when its tasks run."""
        return self.runs(self.start(version, savepoint=savepoint))

    def runs(self, job: str) -> str:
        """Return when all tasks of a job run."""
        wait_until(lambda: bool((told := self.flink.described(job)) and told.tasks_run))
        return job

    def ended(self, job: str, trigger: str) -> TriggerSeen:
        """Return how a trigger ended."""
        wait_until(lambda: not isinstance(self.flink.savepoint(job, trigger), TriggerRunning))
        return self.flink.savepoint(job, trigger)

    def stop(self, job: str, trigger: str) -> None:
        """Stop a job with a savepoint."""
        directory = f"{self.cluster.savepoint_directory}/orders/{trigger}"
        self.flink.stop(job, trigger_id=trigger, directory=directory, savepoint_format="CANONICAL")


def wait_until(there: Callable[[], bool], timeout_seconds: float = 60) -> None:
    """Return once `there` says so."""
    deadline = time.monotonic() + timeout_seconds
    while not there():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def real(cluster: FlinkCluster, flink: Flink, tmp_path_factory: pytest.TempPathFactory) -> Real:
    """A Flink with our client."""
    return Real(cluster, flink, tmp_path_factory.mktemp("sinks"))


@pytest.mark.nightly("tests/wire/test_flink_access.py goes through such a proxy to the stand-in")
def test_a_job_is_stopped_and_goes_on_through_a_proxy(real: Real, tmp_path: Path) -> None:
    """TLS with a private authority, a client certificate, a password and a path; Flink's own errors come through."""
    certificates = Certificates.made(tmp_path)
    with proxying(real.cluster.url, certificates, prefix="/teams/flink", asks_clients=True) as proxy:
        proxy.guard = basic("app", "hunter2")
        settings = Settings(
            flink_cluster_kind="session",
            flink_rest_url=proxy.url,
            flink_ca_certificate=certificates.authority,
            flink_client_certificate=SecretStr(certificates.client + certificates.client_key),
            flink_user="app",
            flink_password=SecretStr("hunter2"),
        )
        access = FlinkAccess(settings, read_seconds=30)
        behind = Real(real.cluster, Flink(proxy.url, call_seconds=30, access=access), real.sinks)
        assert behind.flink.status(uuid4().hex) is None
        assert behind.flink.described(uuid4().hex) is None
        assert behind.flink.savepoint(uuid4().hex, uuid4().hex) == TriggerUnknown()
        job, trigger = behind.running(), uuid4().hex
        assert behind.flink.plan(behind.request(), seconds=30).operators
        behind.stop(job, trigger)
        done = behind.ended(job, trigger)
        assert isinstance(done, TriggerDone)
        again = behind.running(savepoint=done.path)
        with pytest.raises(Refused, match="hunter3"):
            behind.flink.run(replace(behind.request(), entry_class="com.example.hunter3"))
        behind.flink.cancel(again)
        wait_until(lambda: behind.flink.status(again) == "CANCELED")
        behind.flink.delete_jar("nothing.jar")


def test_an_unknown_job_is_unknown_everywhere(real: Real) -> None:
    """Neither a status nor tasks, checkpoints or slots, and no error."""
    unknown = uuid4().hex
    assert real.flink.status(unknown) is None
    assert real.flink.described(unknown) is None
    assert real.flink.checkpoints(unknown).latest.restored is None
    assert real.flink.failures(unknown) == ()
    assert not real.flink.holds_slots(unknown)
    assert real.flink.savepoint(unknown, uuid4().hex) == TriggerUnknown()
    with suppress(Refused):
        real.flink.cancel(unknown)


def test_the_version_and_the_configuration_are_read(real: Real) -> None:
    """The version decides which word a start uses."""
    assert ".".join(map(str, real.flink.version)) == real.cluster.version.rpartition(".")[0]
    assert real.flink.configuration()["jobmanager.rpc.address"]


@pytest.mark.nightly("waits for another second; tests/wire/test_flink_client.py takes the newest of two")
def test_of_two_uploads_of_one_name_the_newest_is_found(real: Real) -> None:
    """Each upload gets an id of its own."""
    name = real.upload()
    first = real.flink.jar_id(name)
    time.sleep(1.1)  # Flink's times of uploads may have whole seconds
    real.upload()
    second = real.flink.jar_id(name)
    assert first
    assert second
    assert first != second
    assert second.endswith(name)


def test_a_job_is_stopped_with_a_savepoint_and_goes_on_from_it(real: Real) -> None:
    """The trigger is known while it runs and when it is done; what was restored is the path that we gave."""
    job, trigger = real.running(), uuid4().hex
    # 1.17's slot manager does not tell which slots are given to whom: there only the heartbeat's time is waited out.
    assert real.flink.holds_slots(job) is (real.flink.version > (1, 17))
    assert real.flink.checkpoints(job).latest.restored is None
    assert real.flink.savepoint(job, trigger) == TriggerUnknown()
    real.stop(job, trigger)
    done = real.ended(job, trigger)
    assert isinstance(done, TriggerDone)
    assert same_path(done.path.rpartition("/")[0], f"{real.cluster.savepoint_directory}/orders/{trigger}")
    wait_until(lambda: real.flink.status(job) == "FINISHED")
    last = real.flink.checkpoints(job).latest.savepoint
    assert last
    assert same_path(last.path, done.path)
    assert LocalSavepoints().number(Directory.parse(done.path)) == last.id
    wait_until(lambda: not real.flink.holds_slots(job))

    new = real.running("2", savepoint=done.path.replace("file:/", "file:///"))
    restored = real.flink.checkpoints(new).latest.restored
    assert restored
    assert restored.is_savepoint
    assert same_path(restored.path, done.path)
    real.flink.cancel(new)
    wait_until(lambda: real.flink.status(new) == "CANCELED")


def test_a_configuration_that_drops_state_is_outvoted_by_what_is_always_said(real: Real) -> None:
    """Left out of the body, a key of the configuration decides: the job starts, and an operator's state is gone."""
    job = real.running("one-operator-more")
    real.stop(job, "d" * 32)
    saved = real.ended(job, "d" * 32)
    assert isinstance(saved, TriggerDone)
    drops = dict.fromkeys(DROPS, "true")
    said, unsaid = (real.request("1", savepoint=saved.path, configuration=drops) for _ in range(2))
    with pytest.raises(Refused, match="Failed to rollback"):
        real.flink.run(said)
    assert real.start_unsaid(unsaid).ok  # the trap
    real.flink.cancel(real.runs(unsaid.flink_job_id))


@pytest.mark.nightly(
    "waits for checkpoints; outvoted like the one that drops state, and NO_CLAIM is seen in tests/wire"
)
def test_a_configuration_that_claims_the_savepoint_is_outvoted_by_what_is_always_said(real: Real) -> None:
    """A claimed savepoint is deleted after the first checkpoints: there would be nothing to go back to."""
    job = real.running()
    real.stop(job, "c" * 32)
    saved = real.ended(job, "c" * 32)
    assert isinstance(saved, TriggerDone)
    metadata = Path(saved.path.removeprefix("file:")) / "_metadata"
    claims = dict.fromkeys(CLAIMS, "CLAIM")
    said, unsaid = (real.request("1", savepoint=saved.path, configuration=claims) for _ in range(2))
    real.flink.run(said)
    wait_until(lambda: real.flink.checkpoints(said.flink_job_id).counts.completed >= 4)
    assert metadata.exists()
    real.flink.cancel(said.flink_job_id)
    assert real.start_unsaid(unsaid).ok
    wait_until(lambda: not metadata.exists())  # the trap
    real.flink.cancel(unsaid.flink_job_id)


def test_a_job_id_is_taken_once_also_when_its_job_has_ended(real: Real) -> None:
    """A start that was not answered may be repeated: it can never make a second copy."""
    job = real.running()
    with pytest.raises(Refused):
        real.start(job=job)
    assert [listed.flink_job_id for listed in real.flink.overview()].count(job) == 1
    real.flink.cancel(job)
    wait_until(lambda: real.flink.status(job) == "CANCELED")
    with pytest.raises(Refused):
        real.start(job=job)
    assert real.flink.status(job) == "CANCELED"
    real.flink.cancel(job)  # no error: it has ended


def test_a_stop_of_what_has_ended_fails_only_when_it_is_asked_for(real: Real) -> None:
    """202 says nothing, not even that there is such a job."""
    job, trigger = real.running(), uuid4().hex
    real.flink.cancel(job)
    wait_until(lambda: real.flink.status(job) == "CANCELED")
    with suppress(FlinkFuncsError):
        real.stop(job, trigger)
    assert isinstance(real.ended(job, trigger), TriggerFailed | TriggerUnknown)


def test_main_that_throws_is_a_refusal_that_names_the_cause(real: Real) -> None:
    """No job of that id is left."""
    job = uuid4().hex
    with pytest.raises(Refused) as raised:
        real.start("throws-in-main", job=job)
    assert "Exception on server side" not in raised.value.message
    assert real.flink.status(job) is None


@pytest.mark.nightly("kills the JobManager; tests/flink/test_vanished.py tells another run of it, too")
def test_another_run_of_the_jobmanager_is_told_by_its_web_tmpdir(real: Real) -> None:
    """It knows nothing of the job; the old TaskManager may go on with it for its heartbeat's time."""
    job = real.running()
    before = real.flink.configuration()["web.tmpdir"]
    assert real.flink.configuration()["web.tmpdir"] == before
    real.cluster.kill_jobmanager()
    real.cluster.start_jobmanager()
    assert real.flink.configuration()["web.tmpdir"] != before
    assert real.flink.status(job) is None
    real.cluster.wait_for_taskmanager()  # the next file's tests need its slots
