"""What to do next with an operation on a cluster behind the ARM job API.

    written down                              what follows                        module
    ----------------------------------------  ----------------------------------  ----------
    a call that left, or may have             its result is looked for            result
    a call that was definitely refused        End(REFUSED) with the refusal       here
    a call that surely did not leave, or none  it may be sent                      beginning

The rule that must never break: once a call may have left us, no other one is sent for this operation.
"""

from __future__ import annotations

from ..jobs import JobRecord
from ..operations import Operation
from ..steps import Step
from .beginning import begin
from .result import result
from .seen import ArmLimits, ArmSeen, refuse


def next_step(operation: Operation, record: JobRecord, seen: ArmSeen, limits: ArmLimits) -> Step:
    """Name the one thing to do now. Do it, look again, ask again."""
    mark = operation.submit
    if mark and mark.unanswered > 0:
        return result(operation, record, mark, seen, limits)
    if mark and mark.refused:
        return refuse(mark.refused, "RefusedByService")
    return begin(operation, record, seen, limits)
