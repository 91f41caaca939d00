"""Whether a Flink job that already runs may become a job's current copy.

It was started by somebody else, or by us before the ledger was lost: only what Flink reports about it is known. So it
has no release, and until its first own release there is nothing to go back to.

    the named Flink job                             step
    ----------------------------------------------  ---------------------------------------------------
    unknown, or has ended                           Refuse
    is, or may become, the copy of another job      Refuse
    another one of this job's name runs beside it   Refuse: which of the two has the state is not known
    RUNNING, STARTING, RESTARTING                   note that it is the current copy, and look again
    CANCELLING                                      Refuse: it is about to end

The rule that must never break: no Flink job is the copy of two jobs. Each operation that adopts is recorded before it
looks who else does, so of two at least one sees the other.
"""

from __future__ import annotations

from ..jobs import Adopted
from ..steps import Step, Wait
from .ends import refuse
from .facts import Adoptable, CopyState, Seen

ALIVE = (CopyState.RUNNING, CopyState.STARTING, CopyState.RESTARTING)


def adopt(flink_job_id: str, seen: Seen) -> Step:
    """Take the named Flink job over, or say why not."""
    found = seen.adoptable
    if found is None:
        return refuse(f"Flink knows no job {flink_job_id}", "NothingToAdopt")
    if found.state not in ALIVE:
        return refuse(f"the Flink job {flink_job_id} is {found.state}; only one that runs can be adopted", "JobEnded")
    if found.owner:
        return refuse(f"the Flink job {flink_job_id} belongs to job {found.owner}", "CopyOfAnotherJob")
    if others := [other for other in seen.namesakes if other != flink_job_id]:
        return refuse(f"Flink runs further jobs of this name: {', '.join(others)}", "JobRunsAlready")
    return Wait(0.0, "adopted", hop=False, adopted=(flink_job_id, _told(found)))


def _told(found: Adoptable) -> Adopted:
    return Adopted(name=found.name, parallelism=found.parallelism)
