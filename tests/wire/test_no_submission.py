"""What still works on a cluster without `web.submit.enable`: the real loop, on a stand-in for Flink."""

from __future__ import annotations

import pytest

from flinkfuncs.clients.flink import Flink
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import NotFound, Unavailable
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.steps import Learned, Start, Step, Stop
from flinkfuncs.operations import Patience
from tests.stand_in.rest import FlinkServer
from tests.unit.builders import ORDERS, asked
from tests.wire.server import Answer, serving
from tests.wire.session import Session, put
from tests.wire.storage import Storage

OPTION = "web.submit.enable"


def ended(storage: Storage, operation: Operation) -> tuple[Outcome, str | None, str] | None:
    """Return how an operation ended; None: it is open."""
    closed = storage.ledger().closed(operation.id)
    return (closed.result.outcome, closed.result.code, closed.result.message) if closed and closed.result else None


def driven(storage: Storage, cluster: Session, action: Action) -> tuple[Outcome, str | None, str] | None:
    """Ask for an action, drive it, and return how it ended."""
    operation = put(storage, asked(action, identity=action.value))
    storage.driver(cluster).drive(ORDERS)
    return ended(storage, operation)


@pytest.mark.parametrize("action", [Action.UPDATE, Action.STATELESS_UPDATE, Action.LAST_STATE_UPDATE])
def test_an_update_is_refused_at_once_and_the_job_runs_on(
    storage: Storage, flink: FlinkServer, cluster: Session, action: Action
) -> None:
    """The operation names Flink's option, and no time is waited out."""
    assert driven(storage, cluster, Action.NEW)
    running, began = flink.flink.running_ids(), storage.clock.monotonic()
    flink.flink.web_submit = False
    result = driven(storage, cluster, action)
    assert result
    assert result[:2] == (Outcome.REFUSED, "WebSubmissionOff")
    assert OPTION in result[2]
    assert flink.flink.running_ids() == running
    assert storage.clock.monotonic() - began < Patience().unreachable_seconds


def test_a_new_job_is_refused_at_once(storage: Storage, flink: FlinkServer, cluster: Session) -> None:
    """Nothing was started."""
    flink.flink.web_submit = False
    result = driven(storage, cluster, Action.NEW)
    assert result
    assert (result[:2], OPTION in result[2]) == ((Outcome.REFUSED, "WebSubmissionOff"), True)
    assert flink.flink.jobs == {}


@pytest.mark.parametrize("action", [Action.STOP, Action.CANCEL, Action.SAVEPOINT, Action.LIST_SAVEPOINT])
def test_what_needs_no_jar_works_as_usual(
    storage: Storage, flink: FlinkServer, cluster: Session, action: Action
) -> None:
    """Nothing below /jars is asked for."""
    assert driven(storage, cluster, Action.NEW)
    flink.flink.web_submit = False
    result = driven(storage, cluster, action)
    assert result
    assert result[0] is Outcome.SUCCEEDED, result


def test_a_stopped_job_can_be_deleted_but_not_started(storage: Storage, flink: FlinkServer, cluster: Session) -> None:
    """START is refused, and the job is still STOPPED with its savepoint."""
    assert driven(storage, cluster, Action.NEW)
    assert driven(storage, cluster, Action.STOP)
    flink.flink.web_submit = False
    started = driven(storage, cluster, Action.START)
    assert started
    assert started[:2] == (Outcome.REFUSED, "WebSubmissionOff")
    deleted = driven(storage, cluster, Action.DELETE)
    assert deleted
    assert deleted[0] is Outcome.SUCCEEDED, deleted


def test_the_health_report_has_the_option_and_what_else_the_cluster_lacks(flink: FlinkServer, cluster: Session) -> None:
    """Asked of the real client: what is off, which hosts there are, and the JobManager's configuration."""
    flink.flink.web_submit = False
    flink.flink.hosts = ("10.0.0.4", "10.0.0.5")
    flink.flink.options = {"state.checkpoints.dir": "s3://cp"}
    found = cluster.findings()
    assert [fault.partition(":")[0] for fault in found.faults] == [OPTION]
    assert [warning.partition(":")[0] for warning in found.warnings] == [
        "SAVEPOINT_DIRECTORY",
        "heartbeat.timeout",
        "execution.checkpointing.externalized-checkpoint-retention",
    ]
    assert "2 hosts" in found.warnings[0]


class Restarted(Session):
    """A cluster that comes back without web submission once a step was carried out, or just before one is."""

    def __init__(self, storage: Storage, server: FlinkServer, *, before: type[Step], after: bool = False) -> None:
        """Choose the step."""
        super().__init__(storage, server)
        self.armed, self._step, self._after = False, before, after

    def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
        """Carry one step out."""
        if self.armed and isinstance(step, self._step) and not self._after:
            self.flink.web_submit, self.armed = False, False
        learned = super().act(record, operation, step)
        if self.armed and isinstance(step, self._step):
            self.flink.web_submit, self.armed = False, False
        return learned


@pytest.mark.parametrize(
    ("step", "after", "drives"),
    [
        (Stop, True, 4),  # longer than an operation waits that has touched nothing
        (Start, False, 1),  # but not beyond START_DEADLINE_SECONDS
    ],
)
def test_an_update_that_has_stopped_the_job_waits_until_the_option_is_on_again(
    storage: Storage, flink: FlinkServer, step: type[Step], drives: int, *, after: bool
) -> None:
    """It is not ended as if the job were untouched, and its start is not taken for refused."""
    cluster = Restarted(storage, flink, before=step, after=after)
    assert driven(storage, cluster, Action.NEW)
    cluster.armed = True
    update = put(storage, asked(Action.UPDATE))
    for _ in range(drives):
        storage.driver(cluster).drive(ORDERS)
        assert ended(storage, update) is None
        assert flink.flink.running_ids() == []
    flink.flink.web_submit = True
    storage.driver(cluster).drive(ORDERS)
    result = ended(storage, update)
    assert result
    assert result[0] is Outcome.SUCCEEDED, result
    assert len(flink.flink.running_ids()) == 1
    assert flink.flink.starts[-1].newest


@pytest.mark.parametrize("features", [{"web-submit": True}, {}])
def test_a_missing_route_is_no_more_than_that_where_the_cluster_takes_jars(features: dict[str, bool]) -> None:
    """Only /config says that web submission is off."""
    answers = {
        "GET /jars": [Answer(404, {"errors": ["Unable to load requested file /jars."]})],
        "GET /config": [Answer(200, {"flink-version": "2.3.0", "features": features})],
    }
    with serving(answers) as server, pytest.raises(NotFound):
        Flink(server.url, call_seconds=5).jars()


def test_a_proxy_that_has_no_such_page_is_not_asked_for_more() -> None:
    """Its 404 is not in Flink's words."""
    with serving({"GET /jars": [Answer(404, raw=b"<html>not found</html>")]}) as server:
        with pytest.raises(Unavailable, match="FLINK_REST_URL"):
            Flink(server.url, call_seconds=5).jars()
        assert server.count("GET", "/config") == 0


def test_a_jar_cannot_be_sent_where_web_submission_is_off(storage: Storage, flink: FlinkServer) -> None:
    """Flink answers 400 to an upload, which is not a word about the jar."""
    flink.flink.web_submit = False
    storage.releases.upload_blob("orders/x.jar", b"bytes")
    jar = storage.jars.kept(ORDERS, "x")
    with pytest.raises(Unavailable, match=OPTION):
        Flink(flink.url, call_seconds=5).upload("x.jar", jar)
