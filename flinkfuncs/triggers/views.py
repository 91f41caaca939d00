"""What callers are shown of jobs and operations: the records as JSON, without what could be a secret.

    job        name, status, flinkJobId, folder, release {id, sha256, jarName, spec}, copy, lastSavePoint, open, last;
               uploads {paused, held} while they are paused; alone, and not running: startsFrom {path, unaligned}
    operation  state (open | closed), and the record

Arguments and Flink configuration are the user's own words and may hold passwords: redaction.py stars them. The query of
an ARM operation URL is signed, and stays with us.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from ..core.jobs import Copy, JobRecord, Savepoint
from ..core.operations import Operation
from ..core.orphans import Found, orphans
from ..core.releases import Release
from ..core.session.savepoints import same_path
from ..redaction import redacted_args, redacted_arguments, redacted_configuration

if TYPE_CHECKING:  # storage's SDK is not needed to be indexed
    from ..clients.ledger import Upload

Json: TypeAlias = Mapping[str, "Json"] | list["Json"] | str | int | float | bool | None


def job_view(record: JobRecord, status: str, *, reason: str | None = None) -> dict[str, Json]:
    """Show a job; `reason` tells why its status is UNKNOWN. What is not known is left out."""
    copy, row, newest = record.current, record.row, record.newest_savepoint
    view: dict[str, Json] = {
        "name": record.name,
        "status": "DELETED" if record.deleted else status,
        "statusReason": reason,
        "flinkJobId": copy.flink_job_id if copy else row.job_id if row else None,
        "folder": record.folder,
        "release": _release(record.wanted or (copy.release if copy else None)),
        "copy": _copy(copy),
        "lastSavePoint": newest.path if newest else row.last_save_point if row else None,
        "open": [operation_view(operation) for operation in record.open],
        "uploads": uploads_view(record) if record.uploads_paused else None,
        "last": record.last.model_dump(mode="json", by_alias=True, exclude_none=True) if record.last else None,
    }
    return {name: value for name, value in view.items() if value is not None}


def uploads_view(record: JobRecord) -> dict[str, Json]:
    """Show whether a job's uploads are paused, and what is held."""
    return {"paused": record.uploads_paused, "held": [operation_view(operation) for operation in record.held]}


def operation_view(operation: Operation) -> dict[str, Json]:
    """Show an operation: everything that is recorded of it."""
    record = operation.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"state": state_of(operation)} | {name: _shown(value, name) for name, value in record.items()}


def state_of(operation: Operation) -> str:
    """Whether the operation still waits or runs, or has ended."""
    return "closed" if operation.result else "open"


def rejection_view(upload: Upload) -> Json:
    """Show an upload whose name can be no job's, among operations."""
    shown = upload.model_dump(mode="json", by_alias=True, include={"blob", "at", "message", "code"})
    return {"state": "rejected", **shown}


def upload_view(upload: Upload) -> Json:
    """Show what became of an upload.

    state      outcome  operation
    ---------  -------  ---------  --------------------------------------------------------------
    waiting    -        -          it is no release yet: `message` says what it waits for
    open       -        its id     it waits for its turn, is held, or is under way
    closed     any      its id     `message` says how it ended
    rejected   REFUSED  -          its name can be no job's
    """
    if upload.outcome is None:
        state = "open" if upload.operation else "waiting"
    else:
        state = "closed" if upload.operation else "rejected"
    return {"state": state, **upload.model_dump(mode="json", by_alias=True, exclude_none=True)}


def savepoint_views(record: JobRecord, found: Sequence[Found] = ()) -> list[Json]:
    """Show the recorded savepoints, newest first, then those of `found` that no record names.

    `restored`: a copy went on from it; `disposingAt`: it is being disposed of, and nothing starts from it any more;
    `sizeBytes`: where it was found.
    """
    recorded = [_savepoint(savepoint, found) for savepoint in reversed(record.savepoints)]
    return [*recorded, *(_orphan(orphan) for orphan in reversed(orphans(record, found)))]


def _savepoint(savepoint: Savepoint, found: Sequence[Found]) -> Json:
    sizes = [one.size_bytes for one in found if same_path(one.path, savepoint.path)]
    shown = savepoint.model_dump(mode="json", by_alias=True, exclude_none=True)
    return shown | ({"sizeBytes": sizes[0]} if sizes else {})


def _orphan(orphan: Found) -> Json:
    return {
        "path": orphan.path,
        "takenAt": orphan.written_at.isoformat(),
        "sizeBytes": orphan.size_bytes,
        "origin": "orphan",
        "operation": orphan.operation,
    }


def _release(release: Release | None) -> Json:
    if release is None:
        return None
    spec = _shown(release.spec.model_dump(mode="json", by_alias=True, exclude_none=True))
    return {"id": release.id, "sha256": release.sha256, "jarName": release.jar_name, "spec": spec}


def _copy(copy: Copy | None) -> Json:
    if copy is None:
        return None
    return {
        "flinkJobId": copy.flink_job_id,
        "releaseId": copy.release.id if copy.release else None,
        "adopted": copy.adopted.model_dump(mode="json", by_alias=True) if copy.adopted else None,
        "startedAt": copy.started_at.isoformat(),
        "startedFrom": copy.savepoint,
        "ended": copy.ended,
    }


def _shown(value: Json, key: str = "") -> Json:
    """Return the value with every secret in it starred; `key` is the name under which it stands."""
    if isinstance(value, Mapping):
        if key == "flinkConfiguration":
            return {**redacted_configuration({name: str(text) for name, text in value.items()})}
        return {name: _shown(inner, name) for name, inner in value.items()}
    if key == "args" and isinstance(value, list):
        return [*redacted_arguments(str(word) for word in value)]
    if isinstance(value, list):
        return [_shown(inner, key) for inner in value]
    if key == "args":
        return redacted_args(str(value))
    if key == "operationUrl":
        return str(value).partition("?")[0]
    return value
