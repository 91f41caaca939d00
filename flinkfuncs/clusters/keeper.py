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
    """Keep the jar that the operation brings, or the recorded one as it lies there now, and put its spec together.

    An operation that goes back to a release takes it as it is: nothing is read but whether its bytes are still kept.
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
    if source.place == "releases":
        return _held(jars, operation, _wanted(record, spec))
    try:
        etag = source.etag if operation.request.jar else None
        kept = jars.keep(record.name, source.place, source.name, etag=etag, entry_class=spec.entry_class)
    except NotFound:
        if operation.request.jar or record.wanted is None:
            raise
        return _held(jars, operation, _wanted(record, spec))  # the upload is gone, its bytes are not
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
