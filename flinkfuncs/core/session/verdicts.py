"""What is written down of a release that was checked, in words for people and a code for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..operations import Checked
from ..releases import Release
from .ends import BATCH_ENDS
from .gate import Comparison, Planned, Vertex

BATCH = f"the release runs in batch mode: Flink takes no checkpoints and no savepoints of it; {BATCH_ENDS}"
GUARD = "cluster.intercept-user-system-exit"
NOT_TOLD = "whether all state is kept cannot be told"


def is_guarded(value: str | None) -> bool:
    """Whether the cluster turns a System.exit of main() into an exception; LOG only logs it."""
    return (value or "").strip().upper() == "THROW"


def unguarded(configuration: Mapping[str, str], *, allowed: bool) -> list[str]:
    """Warn of a cluster that a System.exit in main() would end."""
    if is_guarded(configuration.get(GUARD)):
        return []
    if allowed:
        return [f"ALLOW_UNGUARDED_MAIN: on, and {GUARD} is not THROW: a System.exit in main() ends the JobManager"]
    return [f"{GUARD}: not THROW on the cluster, so no main() is run before the old copy is stopped"]


NO_SLOTS_KNOWN = "requireSlots refuses nothing here: without a plan nobody knows how many slots the release takes"


def skipped(release: Release, warnings: tuple[str, ...] = (), *, slots_required: bool = False) -> Checked:
    """Pass a release whose main() was not run, since it could end the JobManager with all its jobs."""
    warning = (
        f"main() was not run before the stop: {GUARD} is not THROW on the cluster, and ALLOW_UNGUARDED_MAIN is off"
    )
    slots = (NO_SLOTS_KNOWN,) if slots_required else ()
    return Checked(release=release.id, verdict="SKIPPED", warnings=(warning, *warnings, *slots))


def unplanned(release: Release, cause: str, warnings: tuple[str, ...] = (), *, slots_required: bool = False) -> Checked:
    """Pass a release whose main() ended without a plan, which says nothing: it may catch whatever goes wrong in it.

    Flink ends main() for a plan by an Error that execute() throws.
    """
    why = f"main() ended before Flink had a plan, so whether it would start is not known: {cause}"
    slots = (NO_SLOTS_KNOWN,) if slots_required else ()
    said = (*warnings, why, cannot_tell("there is no plan"), *slots)
    return Checked(release=release.id, verdict="PASSED", warnings=said)


def batch_release(release: Release) -> Checked:
    """Refuse to continue from a state with a release that would not restore it."""
    return _refused(
        release,
        "StateWouldBeDropped",
        "the new release runs in batch mode, in which Flink restores no state: STATELESS_UPDATE (an upload into the "
        "folder stateless/) starts it without",
    )


def failed(release: Release, cause: str) -> Checked:
    """Refuse a release of which Flink makes no plan."""
    return _refused(release, "PlanFailed", f"Flink makes no plan of the new release: {cause}")


def too_slow(release: Release, seconds: float) -> Checked:
    """Refuse a release that would not start in time, either: then nothing would run, with a start in flight."""
    return _refused(
        release,
        "PlanTimeout",
        f"main() of the new release did not end in {seconds:.0f} s, so it would not start in time either "
        "(START_DEADLINE_SECONDS)",
    )


CHANGELOG_OFF = (
    "the changelog state backend is turned off for this copy: Flink cannot restore with it unless the savepoint is "
    "claimed (FLINK-38307), and then there would be none to go back to"
)


def changelog_in_main(release: Release) -> Checked:
    """Refuse a release whose main() most likely turns on what no restore of ours works with."""
    return _refused(
        release,
        "ChangelogInMain",
        "the job runs with the changelog state backend, with which Flink cannot restore unless the savepoint is "
        "claimed (FLINK-38307), and no configuration that this app knows of turns it on, so main() may: take it out of "
        "main(), and say state.changelog.enabled: false in the flinkConfiguration of that release",
    )


def named_in_main(name: str) -> str:
    """Warn of a job that the cluster lists under another name than ours."""
    return f"main() names the job {name[:64]!r}: Flink lists it under that name"


def cannot_tell(why: str) -> str:
    """Word a comparison that could not be made."""
    return f"{NOT_TOLD}: {why}"


def compared(
    release: Release, planned: Planned, comparison: Comparison, *, warnings: tuple[str, ...], named: bool
) -> Checked:
    """Refuse what surely drops state, unless the release allows it; pass everything else, with warnings.

    state dropped      release        verdict
    -----------------  -------------  ---------------------------------------
    surely             allows it      PASSED, with a warning
    surely             does not       REFUSED StateWouldBeDropped
    perhaps            any            PASSED, with a warning: it is not known
    no                 any            PASSED
    """
    if comparison.lost and not release.spec.allow_non_restored_state:
        return _refused(
            release,
            "StateWouldBeDropped",
            f"state would be dropped: the new release has no operator for that of {_names(comparison.lost)}; "
            "allowNonRestoredState drops it on purpose (and is needed, too, where setUidHash takes it over: no plan "
            "tells that)",
        )
    said = [f"state is dropped, as the release allows: that of {_names(comparison.lost)}"] if comparison.lost else []
    unsure = (*comparison.unsure, *comparison.chains_wanted)
    said += [cannot_tell(f"some operators of {_names(unsure)} are not in the new release")] if unsure else []
    operators = tuple(sorted(planned.operators)) if named else ()
    return Checked(release=release.id, verdict="PASSED", warnings=(*warnings, *said), operators=operators)


def _names(vertices: Iterable[Vertex]) -> str:
    return "; ".join(f"{vertex.name!r} ({vertex.state_bytes} bytes)" for vertex in vertices)


def no_slots(release: Release, cause: str) -> Checked:
    """Refuse a release that would wait for slots in vain."""
    return _refused(release, "NotEnoughSlots", cause)


def _refused(release: Release, code: str, cause: str) -> Checked:
    return Checked(release=release.id, verdict="REFUSED", code=code, cause=cause)
