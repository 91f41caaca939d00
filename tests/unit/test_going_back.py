"""Which releases are known, and which one is meant: every row of `core/going_back.py`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flinkfuncs.core import going_back
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import NotFound
from flinkfuncs.core.going_back import gone_back_to, known_releases, named
from flinkfuncs.core.operations import Operation, Outcome
from flinkfuncs.core.releases import KeptRelease, Release, Spec
from flinkfuncs.core.steps import End
from tests.unit.builders import NEW, NOW, OLD, asked, copy_of, job, release, with_marks

OTHER = release("other")


def brought(of: Release, seconds: float) -> Operation:
    """An operation that brought a release, begun so long after NOW."""
    operation = asked(Action.UPDATE, brings=of, identity=f"{of.jar_name} {seconds}")
    return with_marks(operation, driven_at=NOW + timedelta(seconds=seconds))


def kept(of: Release, seconds: float) -> KeptRelease:
    return KeptRelease(release=of, kept_at=NOW + timedelta(seconds=seconds), operation="its own")


def test_what_is_known_is_put_together_newest_first() -> None:
    """A description says since when; without one the first operation does, and of what only the record names nobody."""
    record = job(copy_of(OLD), wanted=NEW)
    operations = [brought(NEW, 30), brought(OTHER, 20), brought(OTHER, 10), brought(NEW, 5)]
    found = known_releases(record, [kept(NEW, 4)], operations)
    assert [(each.release.jar_name, each.kept_at, each.kept_by) for each in found] == [
        ("other.jar", NOW + timedelta(seconds=10), operations[2].id),
        ("new.jar", NOW + timedelta(seconds=4), "its own"),
        ("old.jar", None, None),
    ]
    assert [len(each.operations) for each in found] == [2, 2, 0]
    assert found[1].operations == [operations[0], operations[3]]


def test_the_record_names_what_an_open_operation_brings_and_takes_away() -> None:
    """The way back of an operation under way is a release as well."""
    under_way = with_marks(asked(Action.UPDATE, brings=NEW), replaced=OTHER)
    record = job(copy_of(OLD), wanted=OLD).but(open=(under_way,))
    assert {each.jar_name for each in going_back.recorded(record)} == {"old.jar", "new.jar", "other.jar"}


@pytest.mark.parametrize(
    ("beginning", "found"), [("aaaaaaaa1", "aaaaaaaa1b"), ("bbbbbbbb", "bbbbbbbb00"), ("cccccccc", None)]
)
def test_a_beginning_names_the_one_release_that_begins_so(beginning: str, found: str | None) -> None:
    """Several are as good as none, and the message says that more of the id is needed."""
    ids = ["aaaaaaaa1b", "aaaaaaaa2b", "bbbbbbbb00", "bbbbbbbb00"]
    assert named(beginning, ids) == found
    with pytest.raises(NotFound, match="2 releases begin with aaaaaaaa: write more") as refusal:
        named("aaaaaaaa", ids)
    assert refusal.value.code == "ReleaseNotFound"


def test_a_release_that_is_gone_back_to_is_the_same_release() -> None:
    """Only where its jar is read from is another place."""
    back = gone_back_to(release("old", Spec(args=("--topic", "orders"), parallelism=7)))
    assert back.id == release("old", Spec(args=("--topic", "orders"), parallelism=7)).id
    assert (back.source.place, back.source.name) == ("releases", "old.jar")


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome.SUCCEEDED, "; the job went back to the release old.jar "),
        (Outcome.UNPROVEN, "; the job went back to the release old.jar "),
        (Outcome.ROLLED_BACK, "; the job was to go back to the release old.jar "),
        (Outcome.FAILED, "; the job was to go back to the release old.jar "),
        (Outcome.REFUSED, ""),
    ],
)
def test_a_result_says_to_which_release_the_job_went_back(outcome: Outcome, said: str) -> None:
    """Where nothing was touched it says nothing; nor does any other update."""
    plain = asked(Action.UPDATE)
    back = plain.model_copy(update={"request": plain.request.model_copy(update={"release": OLD.id, "kept": OLD})})
    assert going_back.note(back, End(outcome, "")) == (said and said + OLD.id[:12])
    assert going_back.note(plain, End(outcome, "")) == ""
