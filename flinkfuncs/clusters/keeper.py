"""How a jar becomes a release: which jar an operation means, and with which spec it is to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ..clients.jars import Jars, JarsInPlace, KeptJar
from ..core.errors import NotFound, Refused
from ..core.going_back import gone
from ..core.jobs import JobRecord
from ..core.operations import Operation
from ..core.releases import JarSource, KeptRelease, Release, Spec

Keeper: TypeAlias = Callable[[JobRecord, Operation], Release]


def keep_release(jars: Jars | JarsInPlace, record: JobRecord, operation: Operation) -> Release:
    """Keep the jar that the operation means, and put its spec together.

    the operation     the wanted release's jar was     its jar is
    ----------------  -------------------------------  ----------------------------------------------------------------
    brings a jar      any                              that one
    names a release   any                              the bytes that are kept of it, with its whole spec
    does neither      uploaded, or gone back to        the bytes that are kept of it: what lies under its name now may
                                                       be held, or was rolled back
                      below JOB_JAR_DIRECTORY          the jar that lies there now, as callers of the ARM API replace
                                                       it; the bytes that are kept where none does

    The bytes are kept first, and then described; done again after a crash, both are as they were.

    Raises:
        Refused: there is no such jar, it is not a jar, it is not the one that job.json pins, or its bytes are gone.

    """
    if operation.request.kept:
        return _held(jars, operation, operation.request.kept)
    spec = _spec(record, operation)
    source = operation.request.jar or (record.wanted.source if record.wanted else None)
    if source is None:
        raise Refused("no jar is named, and none is recorded: jobJarDirectory and jarName name one", code="NoJar")
    if source.place == "releases" or (source.place == "uploads" and operation.request.jar is None):
        return _held(jars, operation, _wanted(record, spec))
    try:
        etag = source.etag if operation.request.jar else None
        kept = jars.keep(record.name, source.place, source.name, etag=etag, entry_class=spec.entry_class)
    except NotFound:
        if operation.request.jar or record.wanted is None:
            raise
        return _held(jars, operation, _wanted(record, spec))  # the jar is gone, its bytes are not
    pinned = operation.request.wanted_sha256
    if pinned and pinned != kept.sha256:
        raise Refused(f"job.json pins the SHA-256 {pinned}; the jar has {kept.sha256}", code="OtherJar", status=422)
    return _described(jars, operation, _release(kept, spec, source))


def _held(jars: Jars | JarsInPlace, operation: Operation, release: Release) -> Release:
    """Take a release whose bytes were kept before."""
    if not jars.releases.hold(operation.job, release.sha256):
        raise gone(release)
    return _described(jars, operation, release)


def _described(jars: Jars | JarsInPlace, operation: Operation, release: Release) -> Release:
    kept_at = operation.driven_at or operation.requested_at
    jars.releases.describe(operation.job, KeptRelease(release=release, kept_at=kept_at, operation=operation.id))
    return release


def _wanted(record: JobRecord, spec: Spec) -> Release:
    """Return the bytes of the wanted release with a spec."""
    if record.wanted is None:
        raise AssertionError(f"no release is recorded of job {record.name}")
    return record.wanted.model_copy(update={"spec": spec})


def _spec(record: JobRecord, operation: Operation) -> Spec:
    return _recorded_spec(record, operation).patched(operation.request.spec)


def _recorded_spec(record: JobRecord, operation: Operation) -> Spec:
    if operation.request.replaces_spec:
        return Spec()
    if record.wanted:
        return record.wanted.spec
    adopted = record.current if record.current and record.current.adopted else None
    return adopted.spec if adopted else Spec()


def _release(kept: KeptJar, spec: Spec, source: JarSource) -> Release:
    read = source.model_copy(update={"etag": kept.facts.etag, "last_modified": kept.facts.last_modified})
    name = source.name.rpartition("/")[2]
    return Release(sha256=kept.sha256, size_bytes=kept.size_bytes, jar_name=name, spec=spec, source=read)
