"""What to do next with an operation on a cluster behind the ARM job API.

    written down                              what follows                        module
    ----------------------------------------  ----------------------------------  ----------
    a call that left, or may have             its result is looked for            result
    a call that was definitely refused        End(REFUSED) with the refusal       here
    a call that surely did not leave, or none  it may be sent                      beginning

The rule that must never break: once a call may have left us, no other one is sent for this operation.
"""

from __future__ import annotations

from dataclasses import replace

from .. import going_back
from ..jobs import JobRecord
from ..naming import unused_note, why_unused
from ..operations import Operation, Outcome
from ..steps import End, Step
from .beginning import begin, standing
from .result import result
from .seen import ArmLimits, ArmSeen, refuse


def next_step(operation: Operation, record: JobRecord, seen: ArmSeen, limits: ArmLimits) -> Step:
    """Name the one thing to do now. Do it, look again, ask again."""
    step = _next_step(operation, record, seen, limits)
    if isinstance(step, End) and step.outcome is not Outcome.SUPERSEDED:
        unused = unused_note(why_unused(operation, record, standing(seen)))
        return replace(step, message=step.message + unused + going_back.note(operation, step))
    return step


def _next_step(operation: Operation, record: JobRecord, seen: ArmSeen, limits: ArmLimits) -> Step:
    mark = operation.submit
    if mark and mark.unanswered > 0:
        return result(operation, record, mark, seen, limits)
    if mark and mark.refused:
        return refuse(mark.refused, "RefusedByService")
    return begin(operation, record, seen, limits)
