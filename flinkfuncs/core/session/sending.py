"""Whose jar has to be on the cluster for what may come next: one question for each look.

written down            copy                release
----------------------  ------------------  -----------------------------------------------------
an undo, or a start     ended, or refused   the old one, if this operation ended a copy of it
that has failed
a start, a rollback     ABSENT, or lost by  the one that was started: it may be sent again
                        the cluster
a start, a rollback     otherwise           none: nothing is sent
a stop, a cancel        not ended           none: it is looked at again when the copy has ended
a stop, and the named   ended               the old one: it is started again
savepoint is gone
nothing, and the        any                 none
action starts nothing
nothing, a start of     ABSENT              that of the start in flight, unless another is brought
before is in flight
otherwise               any                 the one that is brought, else the wanted one
"""

from __future__ import annotations

from ..jobs import JobRecord
from ..naming import Standing, named
from ..operations import Operation
from ..releases import Release
from .facts import CopySeen, CopyState
from .rollback import way_back
from .savepoints import not_on_record

ENDED = (CopyState.FINISHED, CopyState.CANCELED, CopyState.FAILED)


def release_to_send(operation: Operation, record: JobRecord, copy: CopySeen | None) -> Release | None:
    """Return the release whose jar may have to be on the cluster for the next step."""
    absent = copy is not None and copy.state is CopyState.ABSENT
    lost = copy is not None and copy.lost
    ended = copy is not None and copy.state in ENDED and not (lost and operation.has_started)
    started = record.current.release if record.current else None
    if operation.start and not operation.rollback and (operation.undo or ended or _refused(operation)):
        return way_back(operation, record) or started
    if operation.has_started:
        return started if absent or lost else None
    if ((operation.stop or operation.cancel) and not ended) or not operation.action.starts:
        return None
    if operation.stop and not_on_record(operation, record) and named(operation, record, Standing.RUNS):
        return started
    in_flight = record.current is not None and record.current.may_appear and operation.release is None
    if absent and in_flight:
        return started
    return operation.release or record.wanted


def _refused(operation: Operation) -> bool:
    mark = operation.start
    return mark is not None and mark.refused is not None and mark.unanswered == 0
