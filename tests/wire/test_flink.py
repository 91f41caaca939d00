"""What the Flink client says on the wire where a word left out would cost state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flinkfuncs.clients.flink import Flink, RunRequest

from .server import Answer, serving

JOB = "f" * 32
TRIGGER = "a" * 32
START = RunRequest(
    jar_id="jar_orders.jar",
    flink_job_id=JOB,
    entry_class=None,
    arguments=["--topic", "orders"],
    parallelism=2,
    configuration={"pipeline.name": "orders"},
    savepoint="file:/sp/savepoint-1",
    allow_non_restored_state=False,
)


@pytest.mark.parametrize(
    ("version", "word", "other"),
    [
        ("1.17.2", "restoreMode", "claimMode"),
        ("1.19.3", "restoreMode", "claimMode"),
        ("1.20.5", "claimMode", "restoreMode"),
        ("2.3.0", "claimMode", "restoreMode"),
    ],
)
@pytest.mark.parametrize("allowed", [True, False])
def test_a_start_says_what_it_claims_and_what_it_may_drop(
    version: str, word: str, other: str, *, allowed: bool
) -> None:
    """NO_CLAIM, so that Flink deletes no savepoint, in the word that the version takes; and whether state may be
    dropped, which a key of the configuration could decide where nothing is said.
    """
    answers = {"GET /config": [Answer(body={"flink-version": version})], "POST /run": [Answer(body={"jobid": JOB})]}
    with serving(answers) as server:
        Flink(server.url, call_seconds=5).run(replace(START, allow_non_restored_state=allowed))
        body = next(call.sent for call in server.calls if call.method == "POST")
    assert isinstance(body, dict)
    assert (body[word], body["allowNonRestoredState"], other in body) == ("NO_CLAIM", allowed, False)
    assert (body["jobId"], body["savepointPath"]) == (JOB, "file:/sp/savepoint-1")
    assert (body["programArgsList"], "programArgs" in body) == (["--topic", "orders"], False)


def test_a_stop_never_drains_and_carries_its_own_trigger_id() -> None:
    """A drain ends every window; and a second stop under another id can fail both."""
    with serving({"POST /stop": [Answer(202, body={"request-id": TRIGGER})]}) as server:
        client = Flink(server.url, call_seconds=5)
        client.stop(JOB, trigger_id=TRIGGER, directory="file:///sp/1", savepoint_format="CANONICAL")
        assert [call.sent for call in server.calls] == [
            {"triggerId": TRIGGER, "targetDirectory": "file:///sp/1", "drain": False, "formatType": "CANONICAL"}
        ]
