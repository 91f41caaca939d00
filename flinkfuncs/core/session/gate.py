"""Whether the old copy may be touched for a release: only after its main() has run, and if no state is surely dropped.

    what is known                                      verdict
    -------------------------------------------------  ------------------------------------------------------------
    System.exit in main() would end the JobManager     SKIPPED, with a warning (ALLOW_UNGUARDED_MAIN runs it anyway)
    main() threw, or Flink cannot make a plan of it    REFUSED PlanFailed
    main() ended without a plan: it may catch all      PASSED, with what Flink said as a warning
    main() did not end in the time a start may take    REFUSED PlanTimeout
    main() turns on what no restore works with         REFUSED ChangelogInMain
    it runs in batch mode, and is to continue          REFUSED StateWouldBeDropped
    it takes more slots than there can be (slots.py)   with requireSlots REFUSED NotEnoughSlots; else a warning
    state is dropped, and that is proven               REFUSED StateWouldBeDropped; a warning where it may be dropped
    otherwise                                          PASSED, with a warning for what could not be determined

For what cannot be determined here, Flink's own refusal at the start is the safety net. The rule that must never break:
REFUSED is only for what surely fails or surely loses state, and nothing has been touched by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..operations import Compared, Operation, OperatorGone
from ..releases import Release
from ..steps import Check, End
from .ends import refuse

MOST_CHECKS = 2  # a main() that takes its JobManager along is not begun again and again


@dataclass(frozen=True)
class Planned:
    """What Flink makes of a main(): each operator's id (or each chain's, which is its head's) with its parallelism.

    `inputs` names where each one gets its records from.
    """

    operators: Mapping[str, int]
    inputs: Mapping[str, tuple[str, ...]]
    batch: bool = False
    name: str = ""  # under which Flink lists the job: ours, unless main() gives it one

    @property
    def slots(self) -> int:
        """How many slots it takes at least: those of its widest operator, since operators share slots."""
        return max(self.operators.values(), default=0)


@dataclass(frozen=True)
class Vertex:
    """A chain of operators of the copy that runs, by its head's id, and its state in the newest checkpoint (bytes).

    `in_flight`: the bytes count records under way, too (an unaligned checkpoint), which a savepoint does not hold.
    """

    id: str
    name: str
    state_bytes: int
    in_flight: bool = False
    max_parallelism: int = 0  # 0: not known

    @property
    def single(self) -> bool:
        """Whether it is surely one operator: Flink writes `a -> b`, `a -> (b, c)` and `m [a, b]` for chains."""
        return "->" not in self.name and "[" not in self.name


@dataclass(frozen=True)
class Old:
    """What is known of the copy that runs, or ran last.

    `operators` are the ids of all its operators, `chains` those of each vertex; None where they are not known.
    """

    vertices: tuple[Vertex, ...]
    operators: frozenset[str] | None = None
    chains: Mapping[str, frozenset[str]] | None = None


@dataclass(frozen=True)
class Comparison:
    """Whose state is surely dropped, whose perhaps, and which vertices could be judged if their chain were known."""

    lost: tuple[Vertex, ...] = ()
    unsure: tuple[Vertex, ...] = ()
    chains_wanted: tuple[Vertex, ...] = ()
    old: Old | None = None  # what was compared with


def checking(operation: Operation, release: Release) -> Check | End | None:
    """Name the step that is missing before the old copy may be touched.

    check of this release  step
    ---------------------  --------------------------------------------------------
    not made               Check; begun twice without an answer: Refuse
    REFUSED                Refuse: the job is untouched
    PASSED, SKIPPED        none: go on
    """
    checked = operation.checked
    if checked and checked.release == release.id:
        return refuse(f"{checked.cause}; the job is untouched", checked.code or "") if checked.code else None
    if operation.check and operation.check.unanswered >= MOST_CHECKS:
        return refuse(
            f"main() was begun {MOST_CHECKS} times, and no answer came; the job is untouched: see whether it ends the "
            "JobManager",
            "PlanUnanswered",
        )
    return Check(release)


def compare(new: Planned, old: Old) -> Comparison:
    """Determine whose state would be dropped. `new` names every operator, each by an id of its own choice (a uid).

    old vertex       its operators      in the new plan  state
    ---------------  -----------------  ---------------  --------------------------------------------------------
    without state    any                any              none to lose
    with state       known              all              kept
    with state       known              none             lost; perhaps, where records in flight are included
    with state       known              some             perhaps: Flink reports a chain's state as one number
    with state       not known          any              kept if the plan has every operator of the old release,
                                                         else perhaps, until the chain is known
    """
    lost: list[Vertex] = []
    unsure: list[Vertex] = []
    wanted: list[Vertex] = []
    for vertex in old.vertices:
        operators = _operators(vertex, old)
        if vertex.state_bytes == 0 or _all_kept(operators or old.operators, new):
            continue
        if operators is None:
            wanted.append(vertex)
        elif vertex.in_flight or any(operator in new.operators for operator in operators):
            unsure.append(vertex)
        else:
            lost.append(vertex)
    return Comparison(tuple(lost), tuple(unsure), tuple(wanted))


def operators_compared(new: Planned, found: Comparison) -> Compared:
    """List which operators are kept, new and gone; `new` names each by an id of its own choice.

    operators of the old copy  kept, new                   gone
    -------------------------  --------------------------  ---------------------------------------------------------
    known                      those that both have, and   those that only the old copy has
                               those that only the new
                               release has
    not known                  not known: a chain hides    the heads of chains whose state is surely lost
                               all but its head

    The bytes of a chain's state are listed with its head, where the whole chain is gone.
    """
    old = found.old
    if old is None:
        return Compared()
    vertices = {vertex.id: vertex for vertex in old.vertices}
    whole = {vertex.id for vertex in found.lost} | {vertex.id for vertex in old.vertices if vertex.single}
    known, ours = old.operators, new.operators.keys()
    ids = sorted(known - ours) if known is not None else sorted(vertex.id for vertex in found.lost)
    gone = tuple(_gone(id_, vertices.get(id_), whole=id_ in whole) for id_ in ids)
    limits = [vertex.max_parallelism for vertex in old.vertices if vertex.max_parallelism > 0]
    return Compared(
        kept=None if known is None else tuple(sorted(known & ours)),
        new=None if known is None else tuple(sorted(ours - known)),
        gone=gone,
        max_parallelism=min(limits, default=None),
    )


def _gone(id_: str, vertex: Vertex | None, *, whole: bool) -> OperatorGone:
    if vertex is None:
        return OperatorGone(id=id_)
    return OperatorGone(id=id_, name=vertex.name, state_bytes=vertex.state_bytes if whole else None)


def _operators(vertex: Vertex, old: Old) -> frozenset[str] | None:
    if vertex.single:
        return frozenset({vertex.id})
    return old.chains.get(vertex.id) if old.chains else None


def _all_kept(operators: frozenset[str] | None, new: Planned) -> bool:
    return operators is not None and all(operator in new.operators for operator in operators)


def chains(every: Planned, chained: Planned) -> dict[str, frozenset[str]] | None:
    """Return which operators each vertex holds, from a plan without chains and one with them; None: not to be told.

    An operator that heads no vertex lies in the one from which it gets its records.
    """
    head_of = {operator: operator for operator in chained.operators}
    if not head_of.keys() <= every.operators.keys():
        return None  # ids that Flink generates differ between the two
    left = set(every.operators) - set(head_of)
    while left:
        found = {o: {head_of.get(i) for i in every.inputs.get(o, ())} for o in left}
        known = {o: heads.pop() for o, heads in found.items() if len(heads) == 1 and None not in heads}
        if not known:
            return None  # several inputs, or none: a source in the chain of what it feeds
        head_of |= {operator: head for operator, head in known.items() if head}
        left -= set(known)
    return {head: frozenset(o for o, of in head_of.items() if of == head) for head in chained.operators}
