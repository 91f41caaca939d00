"""How a jar becomes a release: which jar an operation means, and with which spec it is to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ..clients.jars import Jars, KeptJar
from ..core.errors import NotFound, Refused
from ..core.jobs import JobRecord
from ..core.operations import Operation
from ..core.releases import JarSource, Release, Spec

Keeper: TypeAlias = Callable[[JobRecord, Operation], Release]


def keep_release(jars: Jars, record: JobRecord, operation: Operation) -> Release:
    """Keep the jar that the operation brings, or the recorded one as it lies there now, and put its spec together.

    Raises:
        Refused: there is no such jar, it is no jar, or it is not the one that job.json pins.

    """
    spec = _spec(record, operation)
    source = operation.request.jar or (record.wanted.source if record.wanted else None)
    if source is None:
        raise Refused("no jar is named, and none is recorded: jobJarDirectory and jarName name one", code="NoJar")
    try:
        etag = source.etag if operation.request.jar else None
        kept = jars.keep(record.name, source.place, source.name, etag=etag, entry_class=spec.entry_class)
    except NotFound:
        if operation.request.jar or record.wanted is None:
            raise
        return record.wanted.model_copy(update={"spec": spec})  # the upload is gone, its bytes are not
    pinned = operation.request.wanted_sha256
    if pinned and pinned != kept.sha256:
        raise Refused(f"job.json pins the SHA-256 {pinned}; the jar has {kept.sha256}", code="OtherJar", status=422)
    return _release(kept, spec, source)


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
