"""What every kind of cluster can do: look at a job and name the next step, and carry out one step.

Looking changes nothing; deciding is a pure table of `core`; only `act` changes anything, one call at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ..core.jobs import Copy, JobRecord, Recorded
from ..core.names import JobName
from ..core.operations import Operation
from ..core.plans import Ground, StateFacts, state_matters
from ..core.session.blame import Thrown
from ..core.session.facts import Left
from ..core.steps import Learned, Step

if TYPE_CHECKING:  # storage's SDK is not needed to be indexed
    from ..clients.jars import JarsInPlace


class Cluster(Protocol):
    """A place where jobs run."""

    @property
    def key(self) -> str:
        """The cluster's part of every ledger key: lower case, fit for a blob name."""
        ...

    def next_step(self, record: JobRecord, operation: Operation, now: datetime) -> Step:
        """Look at the job and name the one thing to do now.

        Raises:
            Unavailable: the cluster cannot be asked now.

        """
        ...

    def in_place(self, jars: JarsInPlace) -> Cluster:
        """Return the same cluster for a plan: Keep and UploadJar read jars where they lie, and nothing is kept."""
        ...

    def act(self, record: JobRecord, operation: Operation, step: Step) -> Learned:
        """Carry out one step, with one call that changes something.

        Raises:
            Refused: it was definitely not carried out, and asking again will not help.
            Unavailable: it was not carried out, and may be later; Unanswered: look before it is sent again.

        """
        ...

    def statuses(self, jobs: Mapping[JobName, Recorded]) -> Mapping[JobName, str]:
        """Return a status word for each job: RUNNING, RESTARTING, STARTING, STOPPED, FAILED, VANISHED and so on.

        Raises:
            Unavailable: the cluster cannot be asked now.

        """
        ...


@runtime_checkable
class TellsState(Protocol):
    """A cluster that tells from which state a job that does not run can be started."""

    def newest_state(self, record: JobRecord) -> Left | None:
        """Return it; None: there is none, or nobody knows.

        Raises:
            Unavailable: the cluster cannot be asked now.

        """
        ...

    def state_facts(self, record: JobRecord, path: str) -> StateFacts:
        """Return when the savepoint or checkpoint at a path was written, and its size, as far as that is known."""
        ...


@runtime_checkable
class TellsExceptions(Protocol):
    """A cluster that tells why its jobs failed."""

    def exceptions(self, record: JobRecord, run: Copy) -> tuple[Thrown, ...] | None:
        """Return the exceptions of one run of a job, newest first; None: the cluster does not know it (any more).

        Raises:
            Refused: what stands before the cluster does not let us ask.
            Unavailable: the cluster cannot be asked now.

        """
        ...


def ground_of(cluster: Cluster, record: JobRecord, operation: Operation) -> Ground:
    """Look at what the id of a plan rests on beside the record.

    Raises:
        Unavailable: the cluster cannot be asked now.

    """
    status = cluster.statuses({record.name: record})[record.name]
    if not (isinstance(cluster, TellsState) and state_matters(operation, status)):
        return Ground(status)
    left = cluster.newest_state(record)
    return Ground(status, left.path if left else None)


@dataclass(frozen=True)
class Findings:
    """What will not work on a cluster, in words for the health report."""

    faults: tuple[str, ...] = ()  # no release can be started there
    warnings: tuple[str, ...] = ()


@runtime_checkable
class Inspects(Protocol):
    """A cluster that can say what will not work on it."""

    def findings(self) -> Findings:
        """Return it.

        Raises:
            Unavailable: the cluster cannot be asked now.

        """
        ...
