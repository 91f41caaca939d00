"""Which uploads bring nothing new: every row of the tables of `handled`, and that the record stays small."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flinkfuncs.core.abandoning import abandoned
from flinkfuncs.core.actions import Action
from flinkfuncs.core.admission import upload_objection
from flinkfuncs.core.handled import CODE, MOST, mark, to_compare, with_handled, without_names
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.progress import concluded
from flinkfuncs.core.queueing import Queued, queued
from flinkfuncs.core.releases import JarSource, Release
from flinkfuncs.core.steps import End
from tests.unit.builders import NEW, NOW, OLD, ORDERS, asked, release, with_marks

FOLDER = "stateful/orders"


def upload(jar: str, content: str | None = None, *, job_json: str | None = None, second: int = 0) -> Operation:
    """Return the upload of a jar; `content` names its bytes, where a driver has kept them."""
    operation = asked(Action.UPDATE, by="upload", identity=f"{jar} {second}", job_json=job_json)
    modified = NOW + timedelta(seconds=second)
    source = JarSource(place="uploads", name=f"{FOLDER}/{jar}", etag=f"{second}", last_modified=modified)
    request = operation.request.model_copy(update={"jar": source})
    return with_marks(operation, request=request, release=content and brought(content), driven_at=None)


def brought(content: str) -> Release:
    """Return the release of a jar with that content, whose size tells nothing."""
    return release(content)


def after(record: JobRecord, *uploads: tuple[Operation, Outcome]) -> JobRecord:
    """Return the record after these uploads ended, one after the other."""
    for operation, outcome in uploads:
        opened = record.but(open=(operation,))
        record = concluded(opened, operation, End(outcome, "done"), NOW)
    return record


EMPTY = JobRecord(name=ORDERS)
V1 = (upload("job.jar", "v1"), Outcome.SUCCEEDED)
V2 = (upload("job2.jar", "v2", second=1), Outcome.SUCCEEDED)


def may_repeat(record: JobRecord, operation: Operation, content: str) -> bool:
    """Whether an upload of these bytes repeats an operation."""
    known = to_compare(record, operation, brought(content).size_bytes)
    return known is not None and known.sha256 == brought(content).sha256


@pytest.mark.parametrize(
    ("outcome", "repeats"),
    [
        (Outcome.SUCCEEDED, True),
        (Outcome.UNPROVEN, True),
        (Outcome.FAILED, False),
        (Outcome.ROLLED_BACK, False),
        (Outcome.REFUSED, False),
        (Outcome.UNKNOWN, False),
        (Outcome.ABANDONED, False),
        (Outcome.SUPERSEDED, False),
    ],
)
def test_the_same_bytes_under_the_same_name_are_new_only_where_they_did_not_come_through(
    outcome: Outcome, *, repeats: bool
) -> None:
    """Whoever uploads again what was rolled back wants another try; what was superseded was not handled."""
    record = after(EMPTY, (upload("job.jar", "v1"), outcome), V2)
    assert may_repeat(record, upload("job.jar", second=2), "v1") is repeats


def test_bytes_count_as_handled_under_one_name_until_others_come_under_it() -> None:
    """Going back on purpose: under another name, or after something else lay there."""
    record = after(EMPTY, V1, V2)
    assert may_repeat(record, upload("job.jar", second=2), "v1")
    assert not may_repeat(record, upload("job3.jar", second=2), "v1")
    record = after(record, (upload("job.jar", "v3", second=2), Outcome.SUCCEEDED))
    assert not may_repeat(record, upload("job.jar", second=3), "v1")


def test_a_jar_of_another_size_is_not_read() -> None:
    """Its bytes are others."""
    assert to_compare(after(EMPTY, V1), upload("job.jar", second=2), brought("v1").size_bytes + 1) is None


def test_of_a_pair_both_have_to_be_the_same() -> None:
    """Going back to an earlier job.json changes the release although its jar stays."""
    record = after(
        EMPTY,
        (upload("a.jar", "v1", job_json="1"), Outcome.SUCCEEDED),
        (upload("b.jar", "v2", job_json="2", second=1), Outcome.SUCCEEDED),
    )
    assert may_repeat(record, upload("b.jar", job_json="2", second=2), "v2")
    assert not may_repeat(record, upload("a.jar", job_json="1", second=2), "v1")
    assert not may_repeat(record, upload("b.jar", job_json="3", second=2), "v2")
    failed = after(record, (upload("b.jar", "v2", job_json="3", second=2), Outcome.ROLLED_BACK))
    assert not may_repeat(failed, upload("b.jar", job_json="3", second=3), "v2")


def test_a_job_json_that_was_taken_away_is_new_when_it_comes_again() -> None:
    """A jar was a release of its own meanwhile."""
    record = after(EMPTY, (upload("a.jar", "v1", job_json="1"), Outcome.SUCCEEDED), V2)
    assert not may_repeat(record, upload("a.jar", job_json="1", second=2), "v1")


def test_what_is_under_way_is_handled_as_far_as_it_was_read() -> None:
    """A blob that is touched while its operation runs; with its old ETag it can be kept no more if it is not."""
    kept, unread = upload("job.jar", "v1"), upload("job.jar")
    assert may_repeat(EMPTY.but(open=(kept,)), upload("job.jar", second=1), "v1")
    assert not may_repeat(EMPTY.but(open=(unread,)), upload("job.jar", second=1), "v1")
    record = after(EMPTY, V1)
    for waits in (record.but(open=(unread,)), record.but(held=(unread,))):
        assert not may_repeat(waits, upload("job.jar", second=1), "v1")
    repeating = with_marks(unread, repeats=V1[0].id)
    assert may_repeat(record.but(open=(repeating,)), upload("job.jar", second=1), "v1")


def test_a_refusal_before_the_jar_was_kept_leaves_nothing_known_under_its_name() -> None:
    """Other bytes lay there."""
    record = after(EMPTY, V1, V2, (upload("job.jar", second=2), Outcome.REFUSED))
    assert not may_repeat(record, upload("job.jar", second=3), "v1")


def test_an_upload_that_repeats_changes_what_is_known_only_if_it_failed() -> None:
    """It brought a job back, or tried to."""
    record, again = after(EMPTY, V1), with_marks(upload("job.jar", "v1", second=1), repeats=V1[0].id)
    for outcome in (Outcome.SUPERSEDED, Outcome.REFUSED, Outcome.SUCCEEDED):
        assert with_handled(record, again, outcome) == record
    assert not may_repeat(with_handled(record, again, Outcome.FAILED), upload("job.jar", second=2), "v1")


def test_an_abandoned_upload_counts_as_one_that_did_not_come_through() -> None:
    """What it began may run; the bytes before it are news again."""
    operation = upload("job.jar", "v2", second=1)
    record, _ = abandoned(after(EMPTY, V1).but(open=(operation,)), operation, "somebody", NOW)
    assert not may_repeat(record, upload("job.jar", second=2), "v1")
    assert not may_repeat(record, upload("job.jar", second=2), "v2")


def test_names_that_are_gone_are_forgotten_and_there_are_never_many() -> None:
    """A pipeline that removes old jars goes back by putting one there again."""
    record = after(EMPTY, V1, V2)
    record = without_names(record, frozenset([mark(f"{FOLDER}/job.jar")]))
    assert [one.blob for one in record.handled] == [f"{FOLDER}/job2.jar"]
    many = ((upload(f"{n}.jar", "v1", second=n), Outcome.SUCCEEDED) for n in range(MOST + 3))
    assert [one.blob for one in after(EMPTY, *many).handled][:1] == [f"{FOLDER}/3.jar"]
    deleted = concluded(record.but(open=()), asked(Action.DELETE), End(Outcome.SUCCEEDED, "", forget=True), NOW)
    assert deleted.handled == ()


@pytest.mark.parametrize("wanted", [OLD, NEW, None])
def test_what_repeats_is_no_way_back(wanted: Release | None) -> None:
    """The wanted release passes, as ever: it brings a job back that failed."""
    operation = asked(Action.UPDATE, by="upload", brings=OLD)
    record = JobRecord(name=ORDERS, wanted=wanted)
    assert upload_objection(operation, record, hold=True) is None
    again = with_marks(operation, repeats="an earlier one")
    assert upload_objection(with_marks(again, release=None), record, hold=True) is None
    objection = upload_objection(again, record, hold=True)
    assert (objection and (objection.outcome, objection.code)) == (
        None if wanted is OLD else (Outcome.SUPERSEDED, CODE)
    )


def outcome(done: Queued) -> tuple[list[str], list[str]]:
    """Return the ids on the list, and those that were superseded."""
    assert all(one.result and one.result.outcome is Outcome.SUPERSEDED for one in done.ended)
    return [one.id for one in done.record.open], [one.id for one in done.ended]


@pytest.mark.parametrize("second", [1, 3])
def test_a_touched_blob_costs_no_other_upload_its_turn(second: int) -> None:
    """Whichever is older, and whichever comes first; nor does it hide an upload whose event was lost."""
    real = upload("job2.jar", second=2)
    touched = with_marks(upload("job.jar", second=second), repeats="an earlier one")
    first = queued(JobRecord(name=ORDERS), touched, NOW)
    assert (outcome(first), first.record.uploaded_at) == (([touched.id], []), None)
    assert outcome(queued(first.record, real, NOW)) == ([real.id], [touched.id])
    assert outcome(queued(JobRecord(name=ORDERS, open=(real,)), touched, NOW)) == ([real.id], [touched.id])


def test_an_upload_that_has_begun_does_not_yield_to_a_touched_blob() -> None:
    """It would to a newer upload, until it has begun to act."""
    real, later = with_marks(upload("job2.jar", second=1), driven_at=NOW), upload("job.jar", second=2)
    touched = with_marks(later, repeats="an earlier one")
    assert upload_objection(real, queued(JobRecord(name=ORDERS, open=(real,)), later, NOW).record, hold=True)
    assert upload_objection(real, queued(JobRecord(name=ORDERS, open=(real,)), touched, NOW).record, hold=True) is None


def test_of_two_touched_blobs_one_waits() -> None:
    """The later one: the other may be the same blob, which can be read no more."""
    one, other = (with_marks(upload("job.jar", second=n), repeats="an earlier one") for n in (1, 2))
    assert outcome(queued(JobRecord(name=ORDERS, open=(one,)), other, NOW)) == ([other.id], [one.id])
