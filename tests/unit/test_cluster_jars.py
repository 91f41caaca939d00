"""Which jars on the cluster are deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.cluster_jars import UploadedJar, old_enough, reusable_since, unused, used_by
from flinkfuncs.core.operations import Operation, StepTaken
from tests.unit.builders import NEW, NOW, OLD, ago, asked, copy_of, job, release, sent, with_marks

HOUR = 3600.0


def uploaded(name: str, hours: float, number: int = 1) -> UploadedJar:
    return UploadedJar(f"{number}_{name}", name, ago(hours * HOUR))


MINE, OTHER = f"{OLD.sha256}.jar", f"{NEW.sha256}.jar"


@pytest.mark.parametrize(
    ("jar", "deleted"),
    [
        (uploaded(OTHER, 2), True),
        (uploaded(OTHER, 0.9), False),
        (uploaded(MINE, 2), False),
        (uploaded("orders.jar", 2), False),
        (uploaded(f"{OLD.sha256[1:]}.jar", 2), False),
        (uploaded(f"x{OTHER}", 2), False),
    ],
    ids=["unused", "young", "used", "named by hand", "short name", "longer name"],
)
def test_every_row_of_the_rule(jar: UploadedJar, deleted: bool) -> None:
    """The table of the module."""
    assert unused([jar], {OLD.sha256}, NOW) == ([jar] if deleted else [])


def test_of_a_jar_that_was_uploaded_twice_the_newest_stays() -> None:
    """A start takes the newest upload of a name; the order of the listing says nothing."""
    jars = [uploaded(MINE, 3, 1), uploaded(MINE, 0.5, 2), uploaded(MINE, 2, 3)]
    assert unused(jars, {OLD.sha256}, NOW) == [jars[0], jars[2]]
    assert old_enough(jars, NOW) == [jars[0], jars[2]]


def test_a_jar_is_used_by_what_is_wanted_runs_ran_before_and_is_to_run() -> None:
    """An operation that has kept its release and not started it yet counts as much as a copy."""
    third, fourth = release("third"), release("fourth")
    record = job(copy_of(OLD), asked(Action.UPDATE, brings=NEW), wanted=third).but(previous=copy_of(fourth))
    assert used_by(record) == {one.sha256 for one in (OLD, NEW, third, fourth)}
    assert used_by(job(None, asked(Action.STOP), wanted=None)) == set()


@pytest.mark.parametrize(
    ("operation", "young"),
    [
        (asked(Action.UPDATE, brings=NEW), True),
        (asked(Action.UPDATE, brings=OLD), False),
        (with_marks(asked(Action.UPDATE, brings=NEW), stop=sent()), False),
        (with_marks(asked(Action.UPDATE, brings=NEW), steps=(StepTaken(at=NOW, step="UploadJar"),)), False),
    ],
    ids=["a jar from long ago", "the job's own jar", "already acting", "just uploaded"],
)
def test_a_jar_that_nobody_used_is_uploaded_again_before_it_could_be_deleted(operation: Operation, young: bool) -> None:
    """Taken as it lies there only while it is surely not being deleted; and never uploaded twice by one operation."""
    assert operation.release
    since = reusable_since(job(copy_of(OLD), operation), operation, operation.release, NOW)
    assert since == (NOW - timedelta(minutes=30) if young else None)
