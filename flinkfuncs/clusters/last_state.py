"""What the copy that ran last left behind: Flink tells it while it knows the copy, the storage afterwards.

Flink          the storage                          newest state
-------------  -----------------------------------  ---------------------------------------------------------
knows it       any                                  the newest checkpoint or savepoint, or what it was started from
forgot it      holds checkpoints of it              the newest of these and of its savepoints, by their numbers
forgot it      holds its directory, and no          the newest of its savepoints, or what it was started from
               checkpoint in it
forgot it      holds none, or is not to be listed   not known: a main() may write its checkpoints elsewhere
forgot it      … a savepoint without a number       not known
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ..clients.flink import Flink
from ..clients.savepoint_store import SavepointStore
from ..core.errors import FlinkFuncsError, NotFound, Refused
from ..core.jobs import Copy, JobRecord
from ..core.names import Directory, state_path
from ..core.orphans import directories
from ..core.plans import StateFacts
from ..core.session.facts import Left
from ..core.session.savepoints import same_path

log = logging.getLogger(__name__)

CHECKPOINT_DIRECTORY = ("execution.checkpointing.dir", "state.checkpoints.dir")  # the second is its name before 1.20
UNALIGNED = ("execution.checkpointing.unaligned.enabled", "execution.checkpointing.unaligned")


class LastState:
    """Finds the newest state of a job's last copy."""

    def __init__(
        self, flink: Flink, store: SavepointStore | None, root: Directory, others: tuple[Directory, ...] = ()
    ) -> None:
        """Keep what is needed; savepoints lie below `root` or an other root. Without a store only Flink is asked."""
        self._flink = flink
        self._store = store
        self._root, self._others = root, others

    def left(self, record: JobRecord, configuration: Mapping[str, str], *, ended: bool) -> Left | None:
        """Return the newest state of the copy that ran last; None: there is none, or nobody knows.

        `configuration` is the JobManager's. `ended`: the copy has ended, or vanished; Flink may have forgotten it.

        Raises:
            NotFound: Flink has forgotten a copy that has not ended.
            Unavailable: Flink or the storage cannot be asked now.

        """
        last = record.last_ran
        if last is None:
            return None
        try:
            return self._flink.left(last.flink_job_id, ended=ended)
        except NotFound:
            if not ended:
                raise
            return self._stored(record, last, configuration) if self._store else None

    def lies_there(self, path: str) -> bool | None:
        """Whether a complete savepoint or checkpoint lies at a path; None where the app cannot look.

        Raises:
            Unavailable: the storage cannot be asked now.

        """
        try:
            return self._store.holds(Directory.parse(path)) if self._store else None
        except Refused:  # somebody else's savepoint may lie where no plain URI leads
            return None

    def sizes(self, record: JobRecord) -> Mapping[str, int]:
        """Return the size (bytes) of each savepoint in the job's directories; nothing where they cannot be listed."""
        try:
            found = self._store.found(self._directories(record)) if self._store else []
        except FlinkFuncsError as error:
            log.warning("job=%s sizes outcome=unknown %s", record.name, error)
            return {}
        return {one.path: one.size_bytes for one in found}

    def facts(self, record: JobRecord, path: str) -> StateFacts:
        """Return when a state was written, and its size: as it lies in storage, and what that leaves out, by Flink.

        Flink knows the newest ones of the copy that ran last. What cannot be asked tells nothing.
        """
        there = self._facts_in_storage(path)
        if there.written_at and there.size_bytes is not None:
            return there
        told = self._facts_of_flink(record, path)
        size_bytes = told.size_bytes if there.size_bytes is None else there.size_bytes
        return StateFacts(there.written_at or told.written_at, size_bytes)

    def _facts_in_storage(self, path: str) -> StateFacts:
        try:
            return self._store.facts(Directory.parse(state_path(path))) if self._store else StateFacts()
        except FlinkFuncsError as error:
            log.warning("state=%s facts outcome=unknown %s", path, error)
            return StateFacts()

    def _facts_of_flink(self, record: JobRecord, path: str) -> StateFacts:
        last = record.last_ran
        try:
            saved = self._flink.checkpoints(last.flink_job_id).saved if last else []
        except FlinkFuncsError as error:
            log.warning("job=%s state=%s facts outcome=unknown %s", record.name, path, error)
            saved = []
        told = (StateFacts(one.completed_at, one.size_bytes) for one in saved if same_path(one.path, path))
        return next(told, StateFacts())

    def _stored(self, record: JobRecord, last: Copy, configuration: Mapping[str, str]) -> Left | None:
        root = self._checkpoints(last, configuration)
        if self._store is None or root is None or not self._store.exists(directory := root.child(last.flink_job_id)):
            return None
        checkpoint = self._store.checkpoint(directory)
        prefix = f"savepoint-{last.flink_job_id[:6]}-"
        saved = [one.path for one in self._store.found(self._directories(record)) if f"/{prefix}" in one.path]
        numbers = {path: self._store.number(Directory.parse(path)) for path in saved}
        if None in numbers.values():
            return None
        number, newest = max(((number or 0, path) for path, number in numbers.items()), default=(0, last.savepoint))
        if checkpoint is None:
            return Left(newest) if newest else None
        if newest and number > checkpoint.number:
            return Left(newest)
        return Left(checkpoint.path, unaligned=_first(UNALIGNED, last, configuration).lower() == "true")

    def _directories(self, record: JobRecord) -> list[Directory]:
        return directories(record, self._root, self._others)

    def _checkpoints(self, last: Copy, configuration: Mapping[str, str]) -> Directory | None:
        """Return where the copy's checkpoints lie: only where the cluster's own lie, or below the savepoints' root."""
        ours = [configuration[key] for key in CHECKPOINT_DIRECTORY if configuration.get(key)]
        chosen = _first(CHECKPOINT_DIRECTORY, last, configuration)
        try:
            roots = [self._root, *self._others, *(Directory.parse(text) for text in ours)]
            directory = Directory.parse(chosen)
        except Refused:
            return None
        return directory if any(root.holds(directory) for root in roots) else None


def _first(keys: tuple[str, ...], last: Copy, configuration: Mapping[str, str]) -> str:
    """Return an option as it was for the copy: its release's, else the cluster's."""
    told = [options.get(key) for options in (last.spec.flink_configuration, configuration) for key in keys]
    return next((value for value in told if value), "")
