"""The same deploy once more: what lies there is not written again, and nobody's upload is replaced unseen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flinkfuncs_cli.config import Config
from flinkfuncs_cli.console import Console
from flinkfuncs_cli.upload import BLOCK_BYTES, Container
from tests.listener import Call
from tests.storage_proxy import StorageProxy, is_commit, is_job_json, losing

from .recorded import ID
from .server import Fault
from .uploading import BYTES, Uploading

JAR, JOB_JSON = "stateful/orders/orders-3.jar", "stateful/orders/job.json"
SAME = f"this upload is already operation {ID}"


@pytest.fixture
def proxy(uploading: Uploading) -> Iterator[StorageProxy]:
    """A proxy before the storage, where the command line finds it."""
    with losing(uploading.connection) as made:
        uploading.connection = made.connection
        yield made


def etags(uploading: Uploading) -> dict[str, str]:
    """Return each blob of a job's folder with its ETag."""
    return {blob.name: blob.etag for blob in uploading.storage.uploads.list_blobs("state")}


def before(which: Callable[[Call], bool], does: Callable[[], object]) -> Callable[[Call], Fault | None]:
    """Do something right before the first of such requests reaches the storage."""
    done: list[Call] = []

    def fault(call: Call) -> None:
        if which(call) and not done:
            done.append(call)
            does()

    return fault


# ------------------------------------------------------------------------------------------------------------ the same


@pytest.mark.parametrize(
    ("outcome", "exit_code", "said"),
    [
        ("SUCCEEDED", 0, f"{SAME}\n"),
        ("ROLLED_BACK", 5, "to deploy this release in spite of that: add --again\n"),
        ("UNPROVEN", 6, f"{SAME}\n"),
        (None, 7, f"{SAME}; following it\n"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--parallelism", "3", "--savepoint", "savepoint-1", "--reason", "why")])
def test_a_repeat_writes_nothing_and_ends_as_the_first_one(
    uploading: Uploading, options: tuple[str, ...], outcome: str | None, exit_code: int, said: str
) -> None:
    """Neither the jar nor the job.json gets another ETag, of which the app would make another operation."""
    uploading.outcome = outcome
    words = ("--wait", "--timeout", "2", "--plan-id", "a plan", *options)
    first = uploading.run("deploy", *words)
    there = etags(uploading)
    again = uploading.run("deploy", *words)
    assert (first.exit_code, again.exit_code) == (exit_code, exit_code), again.err
    assert etags(uploading) == there
    assert (first.out, said in again.err, said in first.err) == (again.out, True, False)


@pytest.mark.parametrize("outcome", ["FAILED", "REFUSED", "ABANDONED"])
@pytest.mark.parametrize("options", [(), ("--parallelism", "3")])
def test_a_deploy_that_failed_is_tried_again(uploading: Uploading, options: tuple[str, ...], outcome: str) -> None:
    """Another upload, without another transfer of its bytes; of a pair, the job.json is the one that is new."""
    uploading.outcome = outcome
    uploading.run("deploy", *options)
    there = etags(uploading)
    again = uploading.run("deploy", *options)
    changed = {name for name, etag in etags(uploading).items() if there[name] != etag}
    assert changed == ({JOB_JSON} if options else {JAR})
    assert f"uploading it again: its operation {ID} ended as {outcome}\n" in again.err
    assert ("1 of 1 blocks were there already" in again.err) is (not options)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((), ("--reason", "why")),
        ((), ("--again",)),
        (("--commit", "1234567"), ()),
        (("--parallelism", "3"), ("--again",)),
    ],
)
def test_with_other_options_it_is_another_deploy(
    uploading: Uploading, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    """Whatever the first one came to."""
    uploading.run("deploy", *first)
    there = etags(uploading)
    again = uploading.run("deploy", *second)
    assert again.exit_code == 0, again.err
    assert (etags(uploading) != there, SAME in again.err) == (True, False)


def test_other_bytes_of_the_same_size_are_another_deploy(uploading: Uploading) -> None:
    """Its blocks are compared, not its size."""
    uploading.run("deploy")
    uploading.content = BYTES[::-1]
    assert SAME not in uploading.run("deploy").err
    assert uploading.read(JAR) == BYTES[::-1]


def test_what_another_tool_has_put_there_is_uploaded(uploading: Uploading) -> None:
    """Its blocks say nothing of its bytes."""
    uploading.storage.upload(JAR, BYTES)
    there = etags(uploading)
    assert SAME not in uploading.run("deploy").err
    assert etags(uploading) != there


def test_a_job_json_is_the_same_in_another_order_and_form(uploading: Uploading) -> None:
    """Somebody has laid it out anew: the app has its digest, and so has the command."""
    uploading.run("deploy", "--parallelism", "3")
    content = json.loads(uploading.read(JOB_JSON) or b"")
    uploading.storage.upload(JOB_JSON, json.dumps(dict(reversed(content.items()))))
    there = etags(uploading)
    again = uploading.run("deploy", "--parallelism", "3")
    assert (again.exit_code, etags(uploading), SAME in again.err) == (0, there, True)


def test_an_upload_that_was_interrupted_behind_its_job_json_is_continued(uploading: Uploading) -> None:
    """The job.json that lies there is the one that names the jar; it is not written anew."""
    uploading.run("deploy", "--parallelism", "3")
    there = etags(uploading)
    (jar,) = there.keys() - {JOB_JSON}
    uploading.storage.uploads.delete_blob(jar)
    again = uploading.run("deploy", "--parallelism", "3")
    assert again.exit_code == 0, again.err
    assert etags(uploading)[JOB_JSON] == there[JOB_JSON]
    assert f"uploaded {jar}; waiting" in again.err


@pytest.mark.parametrize("options", [(), ("--parallelism", "3")])
def test_a_repeat_with_a_plan_of_its_own_makes_no_other_one(uploading: Uploading, options: tuple[str, ...]) -> None:
    """The job is no longer as it was planned: by the deploy that is repeated."""
    assert uploading.run("deploy", "--plan", *options).exit_code == 0
    there = etags(uploading)
    again = uploading.run("deploy", "--plan", *options)
    assert (again.exit_code, etags(uploading), len(uploading.planned)) == (0, there, 1)
    without = uploading.run("deploy", *options)
    assert (without.exit_code, SAME in without.err) == (0, False)
    assert uploading.run("deploy", "--plan", *options).exit_code == 0
    assert len(uploading.planned) == 2


# --------------------------------------------------------------------------------------------- not seen by the app yet


def test_an_upload_that_the_app_may_not_have_seen_is_waited_for(uploading: Uploading) -> None:
    """A second one might become a second operation."""
    uploading.run("deploy")
    there, uploading.sees = etags(uploading), False
    again = uploading.run("deploy", "--timeout", "2")
    assert (again.exit_code, again.out, etags(uploading)) == (7, f"{JAR}\n", there)
    assert "the app shows no operation for it yet" in again.err


def test_an_upload_of_which_the_app_knows_nothing_any_more_is_made_again(
    uploading: Uploading, proxy: StorageProxy
) -> None:
    """By the storage's clock: it was there long enough, and its operation has expired since."""
    uploading.run("deploy")
    there, uploading.sees = etags(uploading), False
    proxy.clock = datetime.now(UTC) + timedelta(minutes=3)
    again = uploading.run("deploy", "--timeout", "2")
    assert again.exit_code == 7
    assert "uploading it again: the app shows no operation for it" in again.err
    assert etags(uploading) != there


# ---------------------------------------------------------------------------------------------------- at the same time


@pytest.mark.parametrize(("which", "options"), [(is_commit, ()), (is_job_json, ("--parallelism", "3"))])
@pytest.mark.parametrize("there", [True, False])
def test_nothing_that_came_in_between_is_replaced_unseen(
    uploading: Uploading, proxy: StorageProxy, which: Callable[[Call], bool], options: tuple[str, ...], *, there: bool
) -> None:
    """The upload ends with exit code 1; the same command again replaces what it has seen."""
    name = JOB_JSON if options else JAR
    if there:
        uploading.storage.upload(name, '{"jar": "x.jar"}')
    proxy.fault = before(which, lambda: uploading.storage.upload(name, '{"jar": "of somebody else.jar"}'))
    ran = uploading.run("deploy", *options)
    assert ran.exit_code == 1
    assert f"{name}: somebody else has written it meanwhile; run the same command again" in ran.err
    assert uploading.names("state") == [name]
    assert uploading.read(name) == b'{"jar": "of somebody else.jar"}'
    assert uploading.run("deploy", *options).exit_code == 0
    assert b"of somebody else" not in (uploading.read(name) or b"")


def test_the_same_deploy_at_the_same_time_is_one_upload(uploading: Uploading, proxy: StorageProxy) -> None:
    """Whichever is first."""
    container = Container(
        Config(storage_connection=uploading.connection, container=str(uploading.storage.uploads.container_name)),
        Console(as_json=False),
    )
    first: list[str] = []
    proxy.fault = before(is_commit, lambda: first.append(container.put_file(JAR, Path(uploading.jar), None).etag))
    ran = uploading.run("deploy")
    assert ran.exit_code == 0, ran.err
    assert [etag.strip('"') for etag in etags(uploading).values()] == first


def test_a_jar_that_changes_while_it_is_read_is_not_deployed(uploading: Uploading, proxy: StorageProxy) -> None:
    """The build runs still."""
    uploading.content = bytes(2 * BLOCK_BYTES)

    def builds() -> None:
        with Path(uploading.home / "orders-3.jar").open("r+b") as jar:
            jar.seek(BLOCK_BYTES)
            jar.write(b"new")

    proxy.fault = before(lambda call: "comp=block&" in f"{call.path}&", builds)
    ran = uploading.run("deploy")
    assert (ran.exit_code, uploading.names("state")) == (1, [])
    assert "was changed while it was read" in ran.err
