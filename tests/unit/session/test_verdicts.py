"""What is said of a release that was checked: every row of `core/session/verdicts.py`."""

from __future__ import annotations

import pytest

from flinkfuncs.core.releases import Spec
from flinkfuncs.core.session.gate import Comparison, Planned, Vertex
from flinkfuncs.core.session.verdicts import GUARD, compared, failed, skipped, too_slow, unguarded
from tests.unit.builders import NEW, release

LOST, UNSURE = Vertex("1", "remember", 6594), Vertex("2", "count -> sink", 8440)
PLAN = Planned({"b": 2, "a": 4}, {})
FREE = release("new", Spec(allow_non_restored_state=True))


@pytest.mark.parametrize(
    ("brought", "comparison", "verdict", "words"),
    [
        (NEW, Comparison(lost=(LOST,)), "REFUSED", ["'remember' (6594 bytes)", "allowNonRestoredState"]),
        (NEW, Comparison(lost=(LOST,), unsure=(UNSURE,)), "REFUSED", ["'remember'"]),
        (FREE, Comparison(lost=(LOST,)), "PASSED", ["state is dropped, as the release allows: that of 'remember'"]),
        (NEW, Comparison(unsure=(UNSURE,)), "PASSED", ["cannot be told: some operators of 'count -> sink' (8440"]),
        (NEW, Comparison(chains_wanted=(UNSURE,)), "PASSED", ["cannot be told: some operators of 'count -> sink'"]),
        (NEW, Comparison(), "PASSED", []),
    ],
)
def test_only_what_surely_drops_state_is_refused_unless_the_release_allows_it(
    brought: object, comparison: Comparison, verdict: str, words: list[str]
) -> None:
    """What cannot be told goes on, and says so."""
    found = compared(brought, PLAN, comparison, warnings=("slots",), named=True)  # type: ignore[arg-type]
    assert found.verdict == verdict
    assert found.code == ("StateWouldBeDropped" if verdict == "REFUSED" else None)
    text = " ".join((found.cause or "", *found.warnings))
    assert all(word in text for word in words)
    if verdict == "PASSED":
        assert (found.operators, found.warnings[0], len(found.warnings)) == (("a", "b"), "slots", 1 + len(words))


def test_operators_without_ids_of_their_own_choice_are_not_remembered() -> None:
    """Generated ids change with the graph: they would prove nothing later on."""
    assert compared(NEW, PLAN, Comparison(), warnings=(), named=False).operators == ()


def test_each_refusal_has_a_code_and_a_cause() -> None:
    """The cause is Flink's own; a main() that does not end names the setting that would let it."""
    assert (failed(NEW, "boom").code, too_slow(NEW, 300).code) == ("PlanFailed", "PlanTimeout")
    assert (failed(NEW, "boom").cause or "").endswith("boom")
    assert "300 s" in (too_slow(NEW, 300).cause or "")
    assert "START_DEADLINE_SECONDS" in (too_slow(NEW, 300).cause or "")


@pytest.mark.parametrize(
    ("value", "allowed", "warned"),
    [("THROW", False, ""), ("throw", True, ""), ("LOG", False, GUARD), (None, False, GUARD), (None, True, "ALLOW")],
)
def test_a_cluster_that_main_could_end_is_warned_of(value: str | None, warned: str, *, allowed: bool) -> None:
    """LOG only logs a System.exit; with leave to run main() all the same, that is the warning."""
    said = unguarded({GUARD: value} if value else {}, allowed=allowed)
    assert [warning.startswith(warned) for warning in said] == ([True] if warned else [])
    assert GUARD in skipped(NEW).warnings[0]
