"""How an operation is named, and what its id tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import NotFound
from flinkfuncs.core.names import JobName
from flinkfuncs.core.operations import job_of, month_of, operation_id
from tests.unit.builders import NEW, asked, sent, with_marks

AT = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("name", ["orders", "a", "-", "a-b-c", "20261121t014916z-orders-3f2a9c1b7d4e", "a" * 63])
def test_an_id_tells_its_job_and_its_month(name: str) -> None:
    """Also of a job whose name looks like an id, or is full of dashes."""
    number = operation_id(JobName(name), at=AT, identity="x")
    assert job_of(number) == name
    assert month_of(number) == "2026-11"


def test_the_same_event_has_the_same_id_and_another_one_another() -> None:
    """In whichever zone its time is written."""
    job = JobName("orders")
    number = operation_id(job, at=AT, identity="x")
    assert operation_id(job, at=AT.astimezone(timezone(timedelta(hours=5))), identity="x") == number
    assert operation_id(job, at=AT, identity="y") != number
    assert operation_id(JobName("other"), at=AT, identity="x") != number


@pytest.mark.parametrize(
    "text",
    ["", "orders", "../jobs/orders", "20261121T014916Z-Orders-3f2a9c1b7d4e", "20261121T014916Z-orders-3f2a9c1b7d4e\n"],
)
def test_foreign_text_is_no_operation(text: str) -> None:
    """It is not found, and never becomes a blob's name."""
    with pytest.raises(NotFound):
        job_of(text)
    with pytest.raises(NotFound):
        month_of(text)


def test_each_purpose_has_its_own_token_that_flink_takes() -> None:
    """32 hex digits; the same after a crash, and never those of another operation."""
    one, two = asked(Action.UPDATE, identity="one"), asked(Action.UPDATE, identity="two")
    tokens = [operation.token(purpose) for operation in (one, two) for purpose in ("stop", "savepoint", "copy")]
    assert len(set(tokens)) == 6
    assert all(len(token) == 32 and int(token, 16) >= 0 for token in tokens)
    later = with_marks(asked(Action.UPDATE, identity="one"), stop=sent(), start=sent(), progressed_at=AT, release=NEW)
    assert [later.token(purpose) for purpose in ("stop", "savepoint", "copy")] == tokens[:3]


@pytest.mark.parametrize("name", ["stop", "start", "cancel", "submit"])
def test_an_operation_has_acted_when_a_call_may_have_left(name: str) -> None:
    """One that surely did not leave, or was refused, changed nothing."""
    assert with_marks(asked(Action.UPDATE), **{name: sent()}).acted
    assert not with_marks(asked(Action.UPDATE), **{name: sent(unanswered=0)}).acted
    assert not asked(Action.UPDATE).acted
