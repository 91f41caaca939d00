"""What is written down of a release that was checked, in words for people and a code for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..operations import Checked
from ..releases import Release
from .gate import Comparison, Planned, Vertex

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


def skipped(release: Release, *, slots_required: bool = False) -> Checked:
    """Write down that main() was not run, since it could end the JobManager with all its jobs."""
    warning = (
        f"main() was not run before the stop: {GUARD} is not THROW on the cluster, and ALLOW_UNGUARDED_MAIN is off"
    )
    unplanned = ("requireSlots refuses nothing here: without a plan nobody knows how many slots the release takes",)
    return Checked(release=release.id, verdict="SKIPPED", warnings=(warning, *(unplanned if slots_required else ())))


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


def cannot_tell(why: str) -> str:
    """Word a comparison that could not be made."""
    return f"{NOT_TOLD}: {why}"


def compared(
    release: Release, planned: Planned, comparison: Comparison, *, warnings: tuple[str, ...], named: bool
) -> Checked:
    """Refuse what surely drops state, unless the release allows it; pass everything else, with what is to be said.

    state dropped      release        verdict
    -----------------  -------------  ---------------------------------------
    surely             allows it      PASSED, with a warning
    surely             does not       REFUSED StateWouldBeDropped
    perhaps            any            PASSED, with a warning: it cannot be told
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
