"""What is compared before the old copy is touched: every row of `core/session/gate.py`, and of the step before a stop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from flinkfuncs.core.actions import Action
from flinkfuncs.core.jobs import JobRecord
from flinkfuncs.core.operations import Checked, Operation
from flinkfuncs.core.progress import begun, learned, unsent
from flinkfuncs.core.session.facts import CopyState, Seen
from flinkfuncs.core.session.gate import Comparison, Old, Planned, Vertex, chains, checking, compare, operators_compared
from flinkfuncs.core.session.table import next_step
from flinkfuncs.core.steps import Check, Found, Start
from tests.unit.builders import (
    LIMITS,
    NEW,
    NOW,
    OLD,
    OLD_ID,
    asked,
    copy_of,
    job,
    look,
    said,
    savepoint,
    sent,
    unchecked,
    with_marks,
)

REFUSED = Checked(release=NEW.id, verdict="REFUSED", code="PlanFailed", cause="main() throws")
SKIPPED = Checked(release=NEW.id, verdict="SKIPPED")
SOURCE = Vertex("source", "Source: numbers", 265)
COUNT = Vertex("count", "count -> sink: Writer", 8440)


def planned(*operators: str, **inputs: str) -> Planned:
    """Return a plan of these operators; `inputs` names the one before, or two of them."""
    return Planned(dict.fromkeys(operators, 2), {name: tuple(of.split()) for name, of in inputs.items()})


def names(vertices: Iterable[Vertex]) -> str:
    return " ".join(vertex.id for vertex in vertices)


CHAINS = {"count": frozenset({"count", "writer"})}


@pytest.mark.parametrize(
    ("new", "old", "lost", "unsure", "wanted"),
    [
        # without state
        (planned(), Old((Vertex("map", "map", 0),)), "", "", ""),
        (planned(), Old((Vertex("map", "map -> print", 0),)), "", "", ""),
        # with state, one operator
        (planned("source"), Old((SOURCE,)), "", "", ""),
        (planned("other"), Old((SOURCE,)), "source", "", ""),
        (planned("other"), Old((Vertex("source", "Source", 9, in_flight=True),)), "", "source", ""),
        # with state, a chain that is known
        (planned("count", "writer"), Old((COUNT,), chains=CHAINS), "", "", ""),
        (planned("label", "writer"), Old((COUNT,), chains=CHAINS), "", "count", ""),
        (planned("count"), Old((COUNT,), chains=CHAINS), "", "count", ""),
        (planned("label"), Old((COUNT,), chains=CHAINS), "count", "", ""),
        # with state, a chain that is not known
        (planned("count", "writer"), Old((COUNT,)), "", "", "count"),
        (planned("count", "writer", "more"), Old((COUNT,), operators=frozenset({"count", "writer"})), "", "", ""),
        (planned("count"), Old((COUNT,), operators=frozenset({"count", "writer"})), "", "", "count"),
        (planned("count"), Old((COUNT,), chains={"another": frozenset({"x"})}), "", "", "count"),
        # one by one
        (planned("label"), Old((SOURCE, COUNT)), "source", "", "count"),
    ],
)
def test_state_is_lost_only_where_every_operator_that_can_hold_it_is_gone(
    new: Planned, old: Old, lost: str, unsure: str, wanted: str
) -> None:
    """A vertex without state loses none, and of a chain's number nobody knows whose it is."""
    found = compare(new, old)
    assert (names(found.lost), names(found.unsure), names(found.chains_wanted)) == (lost, unsure, wanted)


CHAIN = frozenset({"count", "sink"})
KEEPS, MORE = Vertex("map", "map", 7, max_parallelism=64), Vertex("count", "count -> sink", 9, max_parallelism=128)


@pytest.mark.parametrize(
    ("new", "old", "found"),
    [
        # the operators of the old copy are known
        ("source", Old((SOURCE,), frozenset({"source"})), ("source", "", "", None)),
        ("source extra", Old((SOURCE,), frozenset({"source"})), ("source", "extra", "", None)),
        ("extra", Old((SOURCE,), frozenset({"source"})), ("", "extra", "source 265", None)),
        ("x", Old((MORE,), CHAIN, {"count": CHAIN}), ("", "x", "count 9, sink", 128)),
        ("sink", Old((MORE,), CHAIN), ("sink", "", "count", 128)),
        ("map", Old((KEEPS, MORE), frozenset({"map", "count"})), ("map", "", "count", 64)),
        # they are not: a chain hides them
        ("x", Old((SOURCE, COUNT)), (None, None, "source 265", None)),
        ("source", Old((SOURCE, COUNT)), (None, None, "", None)),
    ],
)
def test_operators_are_kept_new_or_gone(
    new: str, old: Old, found: tuple[str | None, str | None, str, int | None]
) -> None:
    """Kept, new and gone, with the bytes of what is gone, where they are its own or of a chain that is gone whole."""
    plan = planned(*new.split())
    seen = operators_compared(plan, replace(compare(plan, old), old=old))
    kept, added = (None if ids is None else " ".join(ids) for ids in (seen.kept, seen.new))
    lines = [" ".join(filter(None, [one.id, str(one.state_bytes or "")])) for one in seen.gone or ()]
    assert (kept, added, ", ".join(lines), seen.max_parallelism) == found


def test_where_nothing_was_compared_nothing_is_known() -> None:
    """Neither what is kept nor what is gone."""
    found = operators_compared(planned("source"), Comparison())
    assert (found.kept, found.new, found.gone) == (None, None, None)


@pytest.mark.parametrize(
    ("name", "single"),
    [
        ("remember", True),
        ("Source: numbers", True),
        ("count -> sink: Writer -> sink: Committer", False),
        ("a -> (b, c)", False),
        ("join [Source: left, Source: right]", False),
        ("[vertex-0]remember", False),  # pipeline.vertex-name-include-index-prefix: rather not than wrongly
    ],
)
def test_a_vertex_is_one_operator_only_if_its_name_shows_no_chain(name: str, *, single: bool) -> None:
    """A user's name may look like a chain; then the chain is asked for."""
    assert Vertex("id", name, 1).single is single


@pytest.mark.parametrize(
    ("every", "chained", "found"),
    [
        (
            planned("s", "pace", "count", "w", pace="s", count="pace", w="count"),
            planned("s", "count"),
            {"s": {"s", "pace"}, "count": {"count", "w"}},
        ),
        (planned("s", "a", "b", a="s", b="s"), planned("s"), {"s": {"s", "a", "b"}}),
        # two sources in the chain of what they feed; an operator with two inputs in one chain with both
        (planned("l", "r", "join", join="l r"), planned("join"), None),
        (planned("s", "a", "b", "u", a="s", b="s", u="a b"), planned("s"), {"s": {"s", "a", "b", "u"}}),
        (planned("s", "t", "u", u="s t"), planned("s", "t"), None),
        # ids that were generated differ between the two
        (planned("s1", "a1", a1="s1"), planned("s2"), None),
    ],
)
def test_an_operator_lies_in_the_chain_from_which_it_gets_its_records(
    every: Planned, chained: Planned, found: dict[str, set[str]] | None
) -> None:
    """Where that is not one chain, nothing is said of any."""
    assert chains(every, chained) == found


@pytest.mark.parametrize(
    ("operation", "step"),
    [
        (unchecked(asked(Action.UPDATE, brings=NEW)), "Check"),
        (with_marks(unchecked(asked(Action.UPDATE, brings=NEW)), check=sent(5)), "Check"),
        (with_marks(unchecked(asked(Action.UPDATE, brings=NEW)), check=sent(5, unanswered=2)), "PlanUnanswered"),
        (with_marks(asked(Action.UPDATE, brings=NEW), checked=REFUSED), "PlanFailed"),
        (with_marks(asked(Action.UPDATE, brings=NEW), checked=SKIPPED), None),
        (asked(Action.UPDATE, brings=NEW), None),
        (with_marks(asked(Action.UPDATE, brings=OLD), checked=SKIPPED), "Check"),  # of another release
    ],
)
def test_a_release_is_checked_once_and_refused_with_the_job_untouched(operation: Operation, step: str | None) -> None:
    """A main() that takes its JobManager along is not begun a third time."""
    release = operation.release
    assert release
    found = checking(operation, release)
    assert step == (found and ("Check" if isinstance(found, Check) else found.code))
    if found and not isinstance(found, Check):
        assert "the job is untouched" in found.message


RUNS, STOPPED, FAILED = copy_of(), copy_of(ended="STOPPED"), copy_of(ended="FAILED")
LAST = savepoint("file:///sp/last")


@pytest.mark.parametrize(
    ("record", "seen", "operation", "steps"),
    [
        (job(RUNS), look(CopyState.RUNNING), asked(Action.UPDATE, brings=NEW), ["Check new", "Stop old"]),
        (job(RUNS), look(CopyState.RUNNING), asked(Action.STATELESS_UPDATE, brings=NEW), ["Check new", "Stop old"]),
        (job(), look(), asked(Action.NEW, brings=NEW), ["Check new", "Start new as own from nothing"]),
        (
            job(FAILED, savepoints=(LAST,)),
            look(),
            asked(Action.UPDATE, brings=NEW, named="last"),
            ["Check new", "Start new as own from file:///sp/last"],
        ),
        (job(RUNS), look(CopyState.RUNNING, jar=False), asked(Action.UPDATE, brings=NEW), ["UploadJar new"]),
        (job(STOPPED, savepoints=(LAST,)), look(), asked(Action.START), ["Start old as own from file:///sp/last"]),
        (job(RUNS), look(CopyState.RUNNING), asked(Action.STOP), ["Stop old"]),
    ],
)
def test_a_release_that_is_brought_is_checked_before_a_copy_is_stopped_or_started(
    record: JobRecord, seen: Seen, operation: Operation, steps: list[str]
) -> None:
    """The jar lies on the cluster by then; a START of what ran before is not checked again."""
    before = next_step(unchecked(operation), record, seen, LIMITS)
    assert said(before, operation, record) == steps[0]
    if len(steps) > 1:
        assert said(next_step(operation, record, seen, LIMITS), operation, record) == steps[1]
        refused = next_step(with_marks(operation, checked=REFUSED), record, seen, LIMITS)
        assert said(refused, operation, record) == "REFUSED PlanFailed"


def test_a_check_is_written_down_and_does_not_bind() -> None:
    """It counts how often main() was begun, and an operation that only checked has not acted."""
    operation = unchecked(asked(Action.UPDATE, brings=NEW))
    record = begun(job(RUNS, operation), operation.id, Check(NEW), NOW)
    assert record.open[0].check
    assert (record.open[0].check.unanswered, record.open[0].acted) == (1, False)
    assert (record.open[0].steps[-1].step, record.open[0].steps[-1].detail) == ("Check", f"{NEW.sha256[:12]} (new.jar)")
    again = unsent(record, operation.id, Check(NEW)).open[0].check
    assert again
    assert again.unanswered == 0
    assert learned(record, operation.id, Check(NEW), Found(REFUSED)).open[0].checked == REFUSED


@pytest.mark.parametrize(
    ("before", "checked", "started", "operators"),
    [
        (RUNS, Checked(release=NEW.id, verdict="PASSED", operators=("a", "b")), NEW, ("a", "b")),
        (RUNS, None, NEW, ()),
        (RUNS.model_copy(update={"operators": ("c",)}), None, OLD, ("c",)),  # a START of what ran before
        (RUNS.model_copy(update={"operators": ("c",)}), SKIPPED, NEW, ()),
    ],
)
def test_a_copy_remembers_the_operators_of_its_release(
    before: object, checked: Checked | None, started: object, operators: tuple[str, ...]
) -> None:
    """So the next update need not run this release's main() again to compare them."""
    operation = with_marks(unchecked(asked(Action.UPDATE, brings=NEW)), checked=checked)
    start = Start("f" * 32, started, None)  # type: ignore[arg-type]
    record = begun(job(before, operation), operation.id, start, NOW)  # type: ignore[arg-type]
    assert record.current
    assert (record.current.flink_job_id != OLD_ID, record.current.operators) == (True, operators)
