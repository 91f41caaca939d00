"""What a plan says on a real Flink is what the same upload or action then does, and the plan itself does nothing."""

from __future__ import annotations

import pytest

from .cloud import Job, Json, eventually

STARTED = ["Start", "TakeCheckpoint"]


def steps(shown: Json) -> list[str]:
    """The names of the steps of a plan or an operation."""
    return [one["step"] for one in shown["steps"]]


def uploaded(job: Job, plan: Json, number: int, version: str, **file: str) -> Json:
    """Upload a version with its plan, as the job's operation of that number, and return how that ended."""
    job.upload(version, plan=plan["id"], **file)
    return job.ended(number)


def test_plans_of_uploads_say_what_the_uploads_then_do(session_job: Job) -> None:
    """A first one, one with a new operator, one that drops state, one that runs already, one without uids; and what a
    plan says while one of them is under way.
    """
    job = session_job
    first = job.plan("1")
    assert (first["verdict"], steps(first)) == ("WILL_DO", ["Keep", "Check", *STARTED])
    assert job.operations() == []
    started = uploaded(job, first, 1, "1")
    assert started["result"]["outcome"] == "SUCCEEDED", started["result"]
    assert steps(started) == steps(first)
    job.written(100, "1")

    more = job.plan("one-operator-more", file="2.jar")
    (copy,) = job.copies()
    assert (more["verdict"], more["stops"]["flinkJobId"], more["state"]["kind"]) == ("WILL_DO", copy, "stop"), more
    assert (len(more["operators"]["new"]), more["operators"]["gone"]) == (1, [])
    assert (more["operators"]["maxParallelism"], more["slots"]["needed"]) == (128, 2)
    assert [each["field"] for each in more["spec"]] == ["sha256"]
    updated = uploaded(job, more, 2, "one-operator-more", file="2.jar")
    assert updated["result"]["outcome"] == "SUCCEEDED", updated["result"]
    assert steps(updated) == steps(more) == ["Keep", "Check", "Stop", *STARTED]
    job.written(100, "one-operator-more")

    fewer = job.plan("1", file="3.jar")
    assert (fewer["verdict"], fewer["code"]) == ("WOULD_BE_REFUSED", "StateWouldBeDropped"), fewer
    (gone,) = [each for each in fewer["operators"]["gone"] if each.get("stateBytes")]
    assert gone["name"] == "remember"
    assert f"'remember' ({gone['stateBytes']} bytes)" in fewer["reason"]
    refused = uploaded(job, fewer, 3, "1", file="3.jar")["result"]
    assert (refused["outcome"], refused["code"]) == ("REFUSED", "StateWouldBeDropped")

    same = job.plan("one-operator-more", file="4.jar")
    assert same["verdict"] == "NOTHING_TO_DO", same
    copies = job.copies()
    nothing = uploaded(job, same, 4, "one-operator-more", file="4.jar")
    assert (nothing["result"]["outcome"], nothing["result"]["message"]) == ("SUCCEEDED", same["reason"])
    assert steps(nothing) == steps(same)
    assert job.copies() == copies

    unnamed = job.plan("no-uids", file="5.jar")
    assert (unnamed["verdict"], len(unnamed["operators"]["withoutUid"])) == ("WILL_DO", 1), unnamed
    assert steps(unnamed) == ["Keep", "Check", "Stop", *STARTED]
    assert 0 < unnamed["expectedDowntimeSeconds"] < 60
    job.upload("no-uids", file="5.jar", plan=unnamed["id"])
    (open_,) = eventually(job.open)
    behind = job.plan_action("savepoint")
    assert (behind["verdict"], behind["code"], open_ in behind["reason"]) == ("UNKNOWN", "OperationsOpen", True), behind
    undone = job.ended(5)  # which operators the state belongs to, Flink finds out when it restores it
    assert undone["result"]["outcome"] == "ROLLED_BACK", undone["result"]
    assert steps(undone)[:4] == steps(unnamed)[:4]
    assert job.get(f"/api/jobs/{job.name}")["copy"]["releaseId"] == unnamed["rollback"]["releaseId"]
    changed = job.post("savepoint", {"plan": behind["id"]})
    assert (changed.status_code, changed.json()["code"]) == (412, "PlanChanged")


@pytest.mark.nightly("seven actions one after the other, each of which tests/wire plans, too")
def test_plans_of_actions_say_what_the_actions_then_do(session_job: Job) -> None:
    """One after the other; what a plan found is no longer so once another action was done."""
    job = session_job
    job.upload("1")
    job.ended(1)
    job.written(50, "1")
    before = job.plan_action("cancel")
    for action, expected in {
        "savepoint": ["Trigger"],
        "last-state-update": ["Keep", "Check", "Cancel", *STARTED],
        "stateless-update": ["Keep", "Check", "Stop", *STARTED],
        "stop": ["Stop"],
        "start": STARTED,
        "cancel": ["Cancel"],
        "re-launch": STARTED,
    }.items():
        plan = job.plan_action(action)
        assert (plan["verdict"], steps(plan)) == ("WILL_DO", expected), plan
        if "state" in plan:
            assert plan["state"].keys() == {"path", "kind", "takenAt", "sizeBytes"}, plan
        done = job.ask(action, {"plan": plan["id"]})
        assert done["result"]["outcome"] == "SUCCEEDED", done["result"]
        assert steps(done) == expected
        if action == "start":
            assert done["result"]["restoredFrom"] == plan["state"]["path"]
    changed = job.post("cancel", {"plan": before["id"]})
    assert (changed.status_code, changed.json()["code"]) == (412, "PlanChanged")
    refused = job.plan_action("start")
    assert (refused["verdict"], refused["code"]) == ("WOULD_BE_REFUSED", "JobRuns")
    job.ask("cancel")


@pytest.mark.nightly("one plan behind the ARM API, whose kinds of step tests/wire shows")
def test_behind_the_arm_api_a_plan_names_what_is_sent(hdinsight_cloud: object, job: Job) -> None:  # noqa: ARG001 - the kind
    """The jar is read, and no main() is run."""
    first = job.plan("1")
    assert (first["verdict"], steps(first)) == ("WILL_DO", ["Keep", "PlaceJar", "Submit"])
    job.upload("1", plan=first["id"])
    started = job.ended(1)
    assert started["result"]["outcome"] == "SUCCEEDED", started["result"]
    assert steps(started) == steps(first)
