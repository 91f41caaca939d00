"""How a release is checked before anything is touched: its main() is run, and its operators are compared.

    asked                                          why
    ---------------------------------------------  -------------------------------------------------------------------
    may main() run there                           a System.exit in it would end the JobManager with all its jobs
    a plan, without chains, all operators named    it runs main(), and its ids are those that state is kept by
    … refused: a plan of the release as it is      what counts is what will be started
    the newest checkpoint of the old copy          a vertex without state has none to lose
    with requireSlots: every TaskManager           whether more slots are needed than there can be
    where a chain's head is gone: two old plans    which operators a chain has is told by no other answer

Each plan runs a main() and loads its classes, so no more are made than a verdict needs; mostly it is one. The rule that
must never break: once main() has run there is a verdict, so that it is not run again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..clients.flink import Flink, RunRequest
from ..clients.flink_plan import ALL_NAMED, UNCHAINED
from ..core.actions import Action
from ..core.errors import FlinkFuncsError, Refused, Unanswered, Unavailable
from ..core.jobs import Copy, JobRecord
from ..core.naming import Standing, named
from ..core.operations import Checked, Compared, Operation
from ..core.releases import Release
from ..core.session.gate import Comparison, Old, Planned, chains, compare, operators_compared
from ..core.session.slots import lack, slots_warning, why_uncertain
from ..core.session.verdicts import (
    BATCH,
    CHANGELOG_OFF,
    GUARD,
    batch_release,
    cannot_tell,
    changelog_in_main,
    compared,
    failed,
    is_guarded,
    named_in_main,
    no_slots,
    skipped,
    too_slow,
    unplanned,
)
from .program import CHANGELOG, NOTHING, run_request

NO_PLAN = "the program aborted pre-maturely"  # what Flink says of a main() that ends without a plan
UNNAMED_OPERATOR = re.compile(r"has been assigned to operator (.+?)\.?$")
COMPARE_SECONDS = 60.0  # how long a main() may take that is run for the comparison alone


@dataclass(frozen=True)
class ReleaseCheck:
    """Checks releases on one session cluster; `main_seconds` is how long a main() may take."""

    flink: Flink
    main_seconds: float
    allow_unguarded: bool
    require_slots: bool = False  # where a release does not say

    def check(self, record: JobRecord, operation: Operation, release: Release) -> Checked:
        """Return the verdict on a release.

        Raises:
            Unavailable: Flink cannot be asked now; main() was not run.
            Unanswered: it may have run, and no answer came.

        """
        self.flink.claim_field()  # where it cannot be known there is no start, which has to come out before the stop
        configuration = self.flink.configuration()
        changelog = self._changelog(record, operation, release, configuration)
        if isinstance(changelog, Checked):
            return changelog
        if not self.allow_unguarded and not is_guarded(configuration.get(GUARD)):
            return skipped(release, changelog, slots_required=self._requires_slots(release))
        request = run_request(self.flink, record, release, flink_job_id=operation.token("check"))
        if request is None:
            raise Unavailable("the jar is no longer on the cluster", code="JarGone")
        try:
            planned, unnamed = self._planned(request)
        except Refused as error:
            if NO_PLAN in error.message:
                required = self._requires_slots(release)
                return unplanned(release, _cause(error), changelog, slots_required=required)
            return failed(release, _cause(error))
        except Unanswered as error:
            if error.code != "TimedOut":
                raise
            return too_slow(release, self.main_seconds)
        if planned.batch and _restores(record, operation):
            return batch_release(release)
        slots, free = self._slots(record, release, planned)
        room = {"slots_needed": planned.slots, "slots_free": free}
        if isinstance(slots, Checked):
            return slots.model_copy(update={"compared": Compared().model_copy(update=room)})
        name = planned.name if planned.name not in ("", record.name) else None
        warnings = (
            *changelog,
            *((BATCH,) if planned.batch else ()),
            *((named_in_main(name),) if name else ()),
            *slots,
        )
        found, why = self._compared(record, operation, request, planned, unnamed)
        told = (*warnings, cannot_tell(why)) if why else warnings
        checked = compared(release, planned, found, warnings=told, named=unnamed is None)
        learned = operators_compared(planned, found).model_copy(update=room | {"without_uid": _without_uid(unnamed)})
        return checked.model_copy(update={"name": name, "compared": learned})

    def _changelog(
        self, record: JobRecord, operation: Operation, release: Release, configuration: Mapping[str, str]
    ) -> tuple[str, ...] | Checked:
        """Return what is to be said of the changelog state backend: no copy that restores a state runs with it.

        on, for the copy before   by                              the new release's configuration   what is said
        ------------------------  ------------------------------  --------------------------------  ----------------
        any                       any                             on, or the cluster's is           a warning
        yes                       main(): no configuration does   off, said for the first time      a warning
        yes                       main()                          otherwise                         Refuse
        """
        copy = record.last_ran
        if not _restores(record, operation):
            return ()
        on = copy is not None and bool(self.flink.has_changelog(copy.flink_job_id))
        before = _changelog_of(copy.spec.flink_configuration, configuration) if copy else None
        chosen = _changelog_of(release.spec.flink_configuration, configuration)
        if not on or before == "true":
            return (CHANGELOG_OFF,) if chosen == "true" else ()
        return (CHANGELOG_OFF,) if chosen == "false" and before != "false" else changelog_in_main(release)

    def _planned(self, request: RunRequest) -> tuple[Planned, str | None]:
        """Return the plan; where operators have no ids of their own choice, also what Flink says of the first."""
        try:
            return self._plan(request, ALL_NAMED, self.main_seconds), None
        except Refused as error:
            why = _cause(error)
        try:
            return self._plan(request, NOTHING, self.main_seconds), why
        except Unavailable as error:  # surely not sent; but main() has run by now
            raise Unanswered(error.message, code=error.code) from error

    def _plan(self, request: RunRequest, configuration: Mapping[str, str], seconds: float) -> Planned:
        changed = replace(request, configuration={**request.configuration, **configuration})
        return self.flink.plan(changed, seconds=min(seconds, self.main_seconds))

    def _slots(
        self, record: JobRecord, release: Release, planned: Planned
    ) -> tuple[tuple[str, ...] | Checked, int | None]:
        """Return what is to be said of slots, or the refusal; also how many are free, where that is known."""
        old = record.running.flink_job_id if record.running else None
        try:
            free = self.flink.slots_for(old)
            if not self._requires_slots(release):
                return slots_warning(planned, free), free
            room = self.flink.room_for(old)
            why_not = why_uncertain(release, self.flink.configuration(), room)
        except FlinkFuncsError as error:
            return (f"how many slots are free is not known: {error.message}",), None
        cause = lack(planned, room)
        if cause and not why_not:
            return no_slots(release, cause), free
        return slots_warning(planned, free, why_not or f"there may be {room.slots} for it"), free

    def _requires_slots(self, release: Release) -> bool:
        said = release.spec.require_slots
        return self.require_slots if said is None else said

    def _compared(
        self, record: JobRecord, operation: Operation, request: RunRequest, planned: Planned, unnamed: str | None
    ) -> tuple[Comparison, str | None]:
        """Compare with the copy whose state is to go on; also why that could not be done."""
        nothing, copy = Comparison(), record.current
        if copy is None or operation.action is Action.STATELESS_UPDATE:
            return nothing, None
        try:
            if self._starts_from_named(record, operation):
                return nothing, "the state to start from is a named one"
            if unnamed:
                return nothing, unnamed
            vertices = self.flink.checkpoint_state(copy.flink_job_id)
            if vertices is None:
                return nothing, "the cluster knows of no checkpoint of the copy before"
            return self._judged(record, copy, request, planned, Old(vertices, frozenset(copy.operators) or None)), None
        except FlinkFuncsError as error:
            return nothing, error.message

    def _starts_from_named(self, record: JobRecord, operation: Operation) -> bool:
        if named(operation, record, Standing.RESTS) is None:
            return False
        if named(operation, record, Standing.RUNS):
            return True
        running = record.running
        rests = running is None or self.flink.status(running.flink_job_id) in (None, "FINISHED", "CANCELED", "FAILED")
        return named(operation, record, Standing.RESTS if rests else Standing.RUNS) is not None

    def _judged(self, record: JobRecord, copy: Copy, request: RunRequest, planned: Planned, old: Old) -> Comparison:
        found = compare(planned, old)
        if found.chains_wanted:
            found = compare(planned, replace(old, chains=self._chains(record, copy, old)))
        if found.lost and not self._heads(request) <= planned.operators.keys():
            return Comparison(unsure=(*found.lost, *found.unsure))  # ids that change with the chains prove nothing
        return replace(found, old=old)

    def _heads(self, request: RunRequest) -> frozenset[str]:
        """Return the ids as they will be when the release is started as it is."""
        return frozenset(self._plan(request, NOTHING, COMPARE_SECONDS).operators)

    def _chains(self, record: JobRecord, copy: Copy, old: Old) -> dict[str, frozenset[str]] | None:
        """Return which operators each vertex of the old copy has, if its release still lies there and plans alike."""
        if copy.release is None:
            return None  # it was adopted
        request = run_request(self.flink, record, copy.release, flink_job_id=copy.flink_job_id)
        if request is None:
            return None
        try:
            every = self._plan(request, UNCHAINED, COMPARE_SECONDS)
            found = chains(every, self._plan(request, NOTHING, COMPARE_SECONDS))
        except FlinkFuncsError:
            return None
        return found if found and found.keys() >= {vertex.id for vertex in old.vertices} else None


def _restores(record: JobRecord, operation: Operation) -> bool:
    """Whether the release is to continue from a state."""
    if record.last_ran is None:
        return operation.request.save_point_name is not None
    return operation.action is not Action.STATELESS_UPDATE


def _changelog_of(*configurations: Mapping[str, str]) -> str | None:
    """Return `true` or `false` as the first of these configurations says of the changelog; None: none says."""
    said = [configuration.get(key) for configuration in configurations for key in CHANGELOG]
    return next((value.strip().lower() for value in said if value), None)


def _without_uid(why: str | None) -> str | None:
    """Return the operator that Flink names when it refuses to give it an id; it names the first one only."""
    found = UNNAMED_OPERATOR.search(why or "")
    return found[1] if found else None


def _cause(error: Refused) -> str:
    """Return Flink's words alone, without the call that got them."""
    return error.message.partition(": ")[2] or error.message
