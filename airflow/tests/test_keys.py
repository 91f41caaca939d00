"""Which key a task sends, and what of its fields Airflow is told to star: pure functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from conftest import Task
from flinkfuncs_provider.keys import KEPT, Call
from flinkfuncs_provider.masking import secrets_in


def test_the_same_call_has_the_same_key_in_every_process_and_try() -> None:
    """It is made of what the database says of the task, so that nothing has to be stored."""
    task = Task()
    keys = [Call.of(each.context).key(1) for each in (task, task.retried(), task.retried())]
    assert len(set(keys)) == 1
    assert keys[0].startswith("airflow-")
    assert len(keys[0]) <= 128


def test_another_call_has_another_key() -> None:
    """Each of these makes one, and a clear does after a clear."""
    task = Task()
    calls = [Call.of(task.context), Call.of(task.cleared().context), Call.of(task.cleared().context)]
    for field, value in (("dag_id", "b"), ("run_id", "b"), ("task_id", "b"), ("map_index", 3)):
        other = Task()
        other.dag_run.start_date = task.dag_run.start_date
        setattr(other.ti, field, value)
        calls.append(Call.of(other.context))
    again = Task()  # the run was deleted and made again, or it is another Airflow's
    again.dag_run.start_date = task.dag_run.start_date + timedelta(microseconds=1)
    calls.append(Call.of(again.context))
    assert len({call.digest for call in calls}) == len(calls)
    assert calls[0].key(1) != calls[0].key(2)


def test_tries_are_counted_from_the_last_clear() -> None:
    """Only a retry may find what an earlier try has done."""
    task = Task()
    tries = [Call.of(each().context).tries for each in (lambda: task, task.retried, task.cleared, task.retried)]
    assert tries == [1, 2, 1, 2]


@pytest.mark.parametrize(
    ("age", "retried", "expired"),
    [
        (KEPT - timedelta(seconds=5), True, False),
        (KEPT, True, True),
        (KEPT * 9, False, False),
    ],
)
def test_a_key_may_have_expired_once_the_run_is_that_old(age: timedelta, *, retried: bool, expired: bool) -> None:
    """Seven days, as the app keeps them at least; a first try has sent none before."""
    task, now = Task(), datetime.now(UTC)
    task.dag_run.start_date = now - age
    if retried:
        task.retried()
    assert Call.of(task.context).may_have_expired(now) is expired


@pytest.mark.parametrize(
    ("args", "configuration", "secrets"),
    [
        (["--topic", "orders", "--db-pass", "hunter2", "--n", "3"], None, ["hunter2"]),
        ("--topic orders --db-pass hunter2 --n 3", None, ["hunter2"]),
        (["--conn=Server=x;Pwd=y", "--api-token=abc"], None, ["Server=x;Pwd=y", "abc"]),
        (["--password", "--verbose"], None, []),
        (["hunter2"], None, []),
        (None, {"kafka.password": "hunter2", "state.backend": "rocksdb", "s3.secret-key": "x"}, ["hunter2", "x"]),
        (None, None, []),
    ],
)
def test_a_value_is_starred_whose_name_says_that_it_is_a_secret(
    args: list[str] | str | None, configuration: dict[str, object] | None, secrets: list[str]
) -> None:
    """And no other: a starred word that is no secret would make every log unreadable."""
    assert list(secrets_in(args, configuration)) == secrets
