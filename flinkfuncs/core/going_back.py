"""Which releases of a job are known, and which one a caller means.

    a release is known from        what that says about it
    -----------------------------  -----------------------------------------------------------------------------------
    its description                everything, and since when its bytes are kept
    the job's record               what it is: the wanted one, those of the copies, those of open operations
    an operation, open or closed   what it is, and what came of it; the newest MOST operations are looked at

A release is named by its id, or by the beginning of it, which no other known release may share.

    named           its bytes   what follows
    --------------  ----------  -----------------------------------------------------------
    none, several   any         ReleaseNotFound
    one             not there   ReleaseGone
    one             there       its bytes and its whole spec are what the operation brings

From there on it is an update like any other. The rule that must never break: a job goes back to the release that was
named, or to none; neither another jar nor another spec takes its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .errors import NotFound, Refused
from .jobs import JobRecord
from .operations import Operation, Outcome
from .releases import JarSource, KeptRelease, Release
from .steps import End

MOST = 200  # operations, and descriptions, of one job
SHORTEST = 8  # digits of an id


@dataclass
class KnownRelease:
    """A release, and what is known of it; `kept_at` and `kept_by` are None where nothing says."""

    release: Release
    kept_at: datetime | None = None
    kept_by: str | None = None
    operations: list[Operation] = field(default_factory=list)  # newest first


def known_releases(
    record: JobRecord, described: Iterable[KeptRelease], operations: Iterable[Operation]
) -> list[KnownRelease]:
    """Put together what is known of a job's releases, newest first; `operations` come newest first.

    Where a release has no description, the first of these operations that brought it says since when it is kept.
    """
    found = {kept.release.id: KnownRelease(kept.release, kept.kept_at, kept.operation) for kept in described}
    said_by_description = set(found)
    for operation in operations:
        if release := operation.release:
            known = found.setdefault(release.id, KnownRelease(release))
            known.operations.append(operation)
            if release.id not in said_by_description:
                known.kept_at, known.kept_by = operation.driven_at or operation.requested_at, operation.id
    for release in recorded(record):
        found.setdefault(release.id, KnownRelease(release))
    oldest = datetime.min.replace(tzinfo=UTC)
    return sorted(found.values(), key=lambda known: known.kept_at or oldest, reverse=True)


def recorded(record: JobRecord) -> list[Release]:
    """Return the releases that a job's record names."""
    copies = [copy.release for copy in (record.current, record.previous) if copy]
    brought = [release for operation in record.open for release in (operation.release, operation.replaced)]
    return [release for release in (record.wanted, *copies, *brought) if release]


def named(beginning: str, ids: Iterable[str]) -> str | None:
    """Return the id that begins so; None: there is none.

    Raises:
        NotFound: there are several.

    """
    found = {each for each in ids if each.startswith(beginning)}
    if len(found) > 1:
        raise NotFound(f"{len(found)} releases begin with {beginning}: write more of its id", code="ReleaseNotFound")
    return found.pop() if found else None


def gone_back_to(release: Release) -> Release:
    """Return a release as an operation brings it that goes back to it: from now on its jar is read where it is kept."""
    return release.model_copy(update={"source": JarSource(place="releases", name=release.jar_name)})


def call_for(operation: Operation, release: Release) -> str:
    """Return the call that goes back to a release, in words for whoever uploaded it."""
    action = operation.action.lower().replace("_", "-")
    return f'POST /api/jobs/{operation.job}/{action} with {{"release": "{release.id[:12]}"}}'


def gone(release: Release) -> Refused:
    """Return the error that says that the bytes of a release are not kept any more."""
    return Refused(f"the bytes of {release.label} are not kept any more", code="ReleaseGone")


def note(operation: Operation, end: End) -> str:
    """Return what a result's message adds where the operation was to go back to a release."""
    release = operation.request.kept
    if release is None or end.outcome is Outcome.REFUSED:
        return ""
    went = end.outcome in (Outcome.SUCCEEDED, Outcome.UNPROVEN)
    return f"; the job {'went' if went else 'was to go'} back to {release.label}"
