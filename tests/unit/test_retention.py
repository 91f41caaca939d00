"""Which savepoints may be disposed of: every row of the rule, and that the way back is never among them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flinkfuncs.core import orphans, retention
from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import Copy, JobRecord, Savepoint
from flinkfuncs.core.names import Directory
from flinkfuncs.core.orphans import Found, why_orphan_kept
from flinkfuncs.core.releases import Release, Spec
from flinkfuncs.core.retention import Policy
from flinkfuncs.core.session.savepoints import named_savepoint
from flinkfuncs.core.steps import End
from flinkfuncs.core.summaries import RetentionSummary
from tests.unit.builders import LIMITS, NOW, ORDERS, ago, asked, copy_of, job, release

DAY = 86400.0
ROOT = Directory.parse("file:///sp")
POLICY = Policy(count=2, days=7, root=ROOT)
NEVER_LESS = Policy(count=1, days=1e-9, root=ROOT)  # as much as any policy lets go


def path_of(number: int) -> str:
    return f"file:///sp/orders/op{number}/savepoint-{number}"


def saved(number: int, *, restored: bool = False, days: float | None = None, path: str | None = None) -> Savepoint:
    """A savepoint of its own operation; of six, number 6 is the newest, and an hour old."""
    return Savepoint(
        path=path or path_of(number),
        taken_at=ago((7 - number) * 3600 if days is None else days * DAY),
        origin=Action.SAVEPOINT,
        cause="timer",
        flink_job_id="0",
        operation=f"op{number}",
        restored=restored,
    )


def six(*, restored: tuple[int, ...] = (5,), **others: Savepoint) -> tuple[Savepoint, ...]:
    """Six savepoints, of which a copy restored those; `s1=…` puts another in the first one's place."""
    return tuple(others.get(f"s{n}", saved(n, restored=n in restored)) for n in range(1, 7))


def whys(record: JobRecord, policy: Policy = POLICY) -> list[str | None]:
    return [retention.why_kept(one, record, policy, NOW) for one in record.savepoints]


GONE = None
FROM_6 = copy_of(savepoint=path_of(6))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (job(FROM_6, savepoints=six()), [GONE, GONE, GONE, GONE, "last restored", "last good"]),
        (job(FROM_6, asked(Action.SAVEPOINT), savepoints=six()), ["in flight"] * 6),
        (job(FROM_6, asked(Action.START, named=path_of(2)), savepoints=six()), ["in flight"] * 6),
        (
            job(FROM_6, savepoints=six(restored=())),
            ["not proven"] * 5 + ["last good"],
        ),
        (
            job(FROM_6, savepoints=six(restored=(3,))),
            [GONE, GONE, "last restored", "not proven", "not proven", "last good"],
        ),
        (
            job(copy_of(savepoint=path_of(2)), savepoints=six()),
            [GONE, "way back", GONE, GONE, "last restored", "last good"],
        ),
        (  # Flink writes file:/ where we write file:///
            job(copy_of(savepoint=path_of(2).replace("///", "/")), savepoints=six()),
            [GONE, "way back", GONE, GONE, "last restored", "last good"],
        ),
        (  # a stateless update: started from nothing, by the operation that had saved the old copy
            job(copy_of(operation="op3"), savepoints=six()),
            [GONE, GONE, "way back", GONE, "last restored", "last good"],
        ),
        (
            job(FROM_6, savepoints=six(s1=saved(1, path="file:///elsewhere/savepoint-1"), s2=saved(2, path="file:///sp/orders/x/chk-7"))),
            ["not ours", "not ours", GONE, GONE, "last restored", "last good"],
        ),
        (
            job(None, savepoints=six()).but(deleted=True, wanted=None),
            [GONE, GONE, GONE, GONE, "last restored", "last good"],
        ),
        (job(None), []),
    ],
    ids=[
        "all but the last ones",
        "something is open",
        "a request names one",
        "nothing was restored",
        "an older one was restored",
        "the copy started from an old one",
        "the same in Flink's spelling",
        "a fresh start's way back",
        "not below the root, or no savepoint",
        "a deleted job",
        "no savepoint",
    ],
)  # fmt: skip
def test_every_row_of_the_rule(record: JobRecord, expected: list[str | None]) -> None:
    """The table of the module, from the oldest savepoint to the newest."""
    assert whys(record, NEVER_LESS) == expected
    assert [s for s, why in zip(record.savepoints, expected, strict=True) if why is None] == [
        *retention.disposable(record, NEVER_LESS, NOW)
    ]


@pytest.mark.parametrize(
    ("count", "days", "gone"),
    [(10, 7, []), (4, 7, [1, 2]), (6, 7, []), (5, 7, [1]), (10, 4 / 24 - 0.01, [1, 2, 3]), (1, 7, [1, 2, 3, 4])],
)
def test_count_and_age_each_let_go(count: int, days: float, gone: list[int]) -> None:
    """At most COUNT, the newest ones; and none that is older than DAYS. What protects a savepoint goes before both."""
    record = job(FROM_6, savepoints=six())
    found = retention.disposable(record, Policy(count, days, ROOT), NOW)
    assert [one.path for one in found] == [path_of(number) for number in gone]


def test_a_jobs_own_spec_goes_before_the_settings() -> None:
    """Each of the two by itself; the running release's where none is wanted."""
    spec = Spec(savepoint_retention_count=3)
    assert POLICY.of(job(wanted=release("r", spec))) == Policy(3, 7, ROOT)
    spec = Spec(savepoint_retention_days=0.5)
    assert POLICY.of(job(copy_of(release("r", spec)), wanted=None)) == Policy(2, 0.5, ROOT)
    assert POLICY.of(job(None, wanted=None)) == POLICY


def test_what_is_being_disposed_of_is_no_start_and_is_not_chosen_twice() -> None:
    """By path, by name and by Flink's spelling; an entry leaves the record only when it is dropped."""
    record = retention.with_disposals(job(FROM_6, savepoints=six()), NEVER_LESS, NOW)
    assert [one.path for one in retention.being_disposed(record)] == [path_of(n) for n in (1, 2, 3, 4)]
    assert retention.disposable(record, NEVER_LESS, NOW) == ()
    for name in (path_of(1), "savepoint-1", path_of(1).replace("///", "/")):
        refused = named_savepoint(asked(Action.START, named=name), record, LIMITS)
        assert isinstance(refused, End)
        assert refused.code == "SavepointDisposed"
    assert named_savepoint(asked(Action.START, named="savepoint-5"), record, LIMITS) == path_of(5)
    left = retention.without(record, path_of(1))
    assert [one.path for one in left.savepoints] == [path_of(n) for n in range(2, 7)]


def test_the_cluster_is_asked_for_proof_only_where_it_lets_something_go() -> None:
    """Not of a copy that ended, of one without a recorded start, nor while everything is retained."""
    unproven = job(FROM_6, savepoints=six(restored=()))
    assert retention.awaits_proof(unproven, POLICY, NOW)
    assert not retention.awaits_proof(unproven, Policy(10, 7, ROOT), NOW)
    assert not retention.awaits_proof(job(copy_of(), savepoints=six(restored=())), POLICY, NOW)
    assert not retention.awaits_proof(
        job(FROM_6.model_copy(update={"ended": "STOPPED"}), savepoints=six()), POLICY, NOW
    )
    assert not retention.awaits_proof(retention.with_proof(unproven), POLICY, NOW)


# ----------------------------------------------------------------------------------------------- the only way back


@dataclass
class World:
    """What really lies there: savepoints on disk; a copy that needs one until its first checkpoint."""

    record: JobRecord
    disk: set[str] = field(default_factory=set)
    started_from: str | None = None  # until the copy has completed a checkpoint of its own
    restorable: list[str] = field(default_factory=list)  # what a copy restored and then went on from
    number: int = 0

    def take(self) -> None:
        self.number += 1
        self.disk.add(path_of(self.number))
        self.record = self.record.but(savepoints=(*self.record.savepoints, saved(self.number, days=0)))

    def start(self, which: int, *, fresh: bool) -> None:
        usable = [s for s in self.record.savepoints if not s.disposing_at]
        chosen = None if fresh or not usable else usable[which % len(usable)].path
        newest = self.record.newest_savepoint
        copy = Copy(
            flink_job_id=f"{self.number}-{which}",
            release=release_of(),
            operation=newest.operation if newest and which % 2 else "another",
            started_at=NOW,
            savepoint=chosen,
            seen=True,
        )
        self.started_from = chosen
        self.record = self.record.but(current=copy, previous=self.record.current)

    def checkpoint(self) -> None:
        if self.started_from:
            self.restorable.append(self.started_from)
        self.started_from = None
        self.record = retention.with_proof(self.record)

    def mark(self) -> None:
        self.record = retention.with_disposals(self.record, NEVER_LESS, NOW + timedelta(days=1))

    def dispose(self, *, succeeds: bool) -> None:
        for one in retention.being_disposed(self.record):
            self.disk.discard(one.path)
            if succeeds:
                self.record = retention.without(self.record, one.path)


def release_of() -> Release:
    return release("any")


STEPS = st.lists(
    st.one_of(
        st.just(("take", 0)),
        st.tuples(st.just("start"), st.integers(0, 9)),
        st.tuples(st.just("fresh"), st.integers(0, 9)),
        st.sampled_from([("checkpoint", 0), ("mark", 0), ("dispose", 0), ("dispose", 1)]),
    ),
    max_size=40,
)


@given(STEPS)
def test_the_only_way_back_is_never_disposed_of(steps: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order, under the greediest policy: the newest savepoint, what the current copy still
    needs or would be rolled back to, and the newest one that is known to restore all lie on disk, and can be named.
    """
    world = World(JobRecord(name=ORDERS))
    for step, number in steps:
        match step:
            case "take":
                world.take()
            case "start" | "fresh":
                world.start(number, fresh=step == "fresh")
            case "checkpoint":
                world.checkpoint()
            case "mark":
                world.mark()
            case _:
                world.dispose(succeeds=bool(number))
        usable = {one.path for one in world.record.savepoints if not one.disposing_at}
        assert usable <= world.disk
        needed = {world.started_from} | {world.record.current.savepoint if world.record.current else None}
        newest = world.record.newest_savepoint
        needed |= {newest.path if newest else None}
        needed |= {max(world.restorable, key=lambda path: int(path.rpartition("-")[2]), default=None)}
        assert needed - {None} <= usable


RECORDS = st.lists(
    st.tuples(st.booleans(), st.integers(1, 9), st.sampled_from(["savepoint"] * 3 + ["chk"])), max_size=6
)


@example(
    [(True, 3, "savepoint"), (False, 2, "savepoint"), (False, 1, "savepoint")], -1, False, (None, None), [(3.5, 0)]
)
@settings(max_examples=200)
@given(
    RECORDS,
    st.integers(-1, 6),
    st.booleans(),
    st.sampled_from([(None, None), (1, None), (4, None), (None, 2.0), (3, 20.0)]),
    st.lists(st.tuples(st.integers(0, 19).map(lambda half: half / 2), st.integers(0, 8)), max_size=4),
)
def test_the_listing_says_of_which_records_something_can_go(
    drawn: list[tuple[bool, int, str]],
    start: int,
    ended: bool,
    limits: tuple[int | None, float | None],
    lying: list[tuple[float, int]],
) -> None:
    """Whatever the record's own rules would dispose of, its summary calls due; what is not due is not read."""
    days = sorted((days for _restored, days, _kind in drawn), reverse=True)
    savepoints = tuple(
        saved(number, restored=restored, days=days[number - 1], path=f"file:///sp/orders/op{number}/{kind}-{number}")
        for number, (restored, _days, kind) in enumerate(drawn, start=1)
    )
    spec = Spec(savepoint_retention_count=limits[0], savepoint_retention_days=limits[1])
    copy = copy_of(release("r", spec), savepoint=path_of(start) if start > 0 else None) if start >= 0 else None
    if copy and ended:
        copy = copy.model_copy(update={"ended": "stopped"})
    record = job(copy, savepoints=savepoints, wanted=release("r", spec))
    found = [Found(path_of(number), f"op{number}", ago(age * DAY)) for age, number in lying]
    proven = retention.with_proof(record) if record.running else record
    policy = POLICY.of(record)
    strays = orphans.orphans(record, found)
    going = [why_orphan_kept(one, proven, lambda _id: True, policy, NOW) for one in strays].count(None)
    if going or retention.disposable(proven, policy, NOW):
        assert RetentionSummary.of(record).is_due(POLICY, found, NOW)
