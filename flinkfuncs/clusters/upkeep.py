"""What keeping a session cluster in order asks of it: proof of a copy, disposal of savepoints, deletion of jars.

Only session clusters have an upkeep: the ARM API disposes of nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..clients.flink import Flink
from ..core.cluster_jars import UploadedJar
from ..core.jobs import Copy
from ..core.session.facts import DisposalRunning, DisposalSeen
from ..core.session.savepoints import same_path

POLL_SECONDS = 0.2


class SessionUpkeep:
    """One session cluster, as its keeper sees it."""

    def __init__(
        self,
        flink: Flink,
        *,
        patience_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep what is needed; `patience_seconds`: how long one disposal is waited for, by `clock` (seconds)."""
        self._flink = flink
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._sleep = sleep

    def has_proved_itself(self, copy: Copy) -> bool:
        """Whether a copy that was started from a savepoint has completed a checkpoint; a savepoint is none.

        What it restored is that savepoint or, after a restart of its own, a checkpoint of its own.

        Raises:
            Unavailable: the cluster cannot be asked now.

        """
        latest = self._flink.checkpoints(copy.flink_job_id).latest
        if latest.completed is None or latest.restored is None:
            return False
        return not latest.restored.is_savepoint or same_path(latest.restored.path, copy.savepoint)

    def dispose(self, path: str) -> DisposalSeen:
        """Dispose of a savepoint and see what came of it; done again, it is no error.

        Raises:
            Refused: the cluster does not take the request.
            Unavailable: the cluster cannot be asked now; Unanswered: it may be disposing of it.

        """
        request = self._flink.dispose(path)
        deadline = self._clock() + self._patience_seconds
        while isinstance(seen := self._flink.disposal(request), DisposalRunning) and self._clock() < deadline:
            self._sleep(POLL_SECONDS)
        return seen

    def jars(self) -> list[UploadedJar]:
        """List the jars on the cluster, ours and others.

        Raises:
            Unavailable: the cluster cannot be asked now.

        """
        return [UploadedJar(jar.id, jar.name, jar.uploaded_at) for jar in self._flink.jars()]

    def delete_jar(self, jar: UploadedJar) -> None:
        """Delete a jar; one that is gone is no error.

        Raises:
            Unavailable: the cluster cannot be asked now.

        """
        self._flink.delete_jar(jar.id)
