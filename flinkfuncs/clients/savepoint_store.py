"""Which complete savepoints and checkpoints lie in a job's directories? Flink's REST API cannot list them, storage can.

    SAVEPOINT_DIRECTORY   SAVEPOINTS_CONNECTION                        read
    --------------------  -------------------------------------------  ---------------------------------------
    abfs:, abfss:         the connection of that account               its container, one listing a directory
    file:                 local (this machine is the cluster's, too)   the directory itself
    any                   empty                                        nothing: orphans are not looked for

A savepoint or a checkpoint is complete when its `_metadata` is there; Flink writes it last:

    <directory of the job>/<operation id>/savepoint-ddabe5-ae0f/_metadata
    <checkpoint directory>/ddabe5…/chk-7/_metadata                             only of the same container
    <checkpoint directory>/ddabe5…/shared/, …/taskowned/                       files that several checkpoints need

Which of the two is newer, no time tells: storage has whole seconds, and a savepoint that took long is written behind a
checkpoint that was begun later. `_metadata` begins with the number that both count on from: four bytes that every one
has, the version of the format, and the number (measured on 1.17.2, 1.20.5 and 2.3.0).
"""

from __future__ import annotations

import re
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from azure.storage.blob import ContainerClient

from ..core.errors import NotFound
from ..core.names import Directory
from ..core.orphans import Found
from ..core.plans import StateFacts
from .storage import storage_errors

_INSIDE = re.compile(r"(?P<operation>[^/]+)/(?P<name>savepoint-[^/]+)/_metadata")
_OF_A_JOB = re.compile(rf"(?:.+/)?(?P<job>[^/]+)/{_INSIDE.pattern}")
_CHECKPOINT = re.compile(r"(?P<name>chk-(?P<number>\d+))/_metadata")
_SHARED = ("shared", "taskowned")  # beside a checkpoint: which of these files it needs, only its `_metadata` tells
_HEAD = struct.Struct(">4siq")
_MAGIC = bytes.fromhex("4960672d")


@dataclass(frozen=True)
class File:
    """A file, by its path below the directory that is listed."""

    inside: str
    written_at: datetime
    size_bytes: int


@dataclass(frozen=True)
class Kept:
    """A complete checkpoint."""

    path: str
    number: int


class SavepointStore(Protocol):
    """Where savepoints lie."""

    def found(self, directories: Iterable[Directory]) -> list[Found]:
        """List the complete savepoints below a job's directories.

        Raises:
            Unavailable: the store cannot be read now.

        """
        ...

    def lying(self, root: Directory) -> dict[str, list[Found]]:
        """List the complete savepoints of all jobs below the root, by the name of the job's directory; without sizes.

        Raises:
            Unavailable: the store cannot be read now.

        """
        ...

    def checkpoint(self, directory: Directory) -> Kept | None:
        """Return the newest complete checkpoint below the directory of one Flink job.

        Raises:
            Unavailable: the store cannot be read now.

        """
        ...

    def exists(self, directory: Directory) -> bool:
        """Whether there is such a directory. Flink makes that of a job's checkpoints when the job starts.

        Raises:
            Unavailable: the store cannot be read now.

        """
        ...

    def number(self, savepoint: Directory) -> int | None:
        """Return the number under which Flink wrote a savepoint; None: it does not begin as Flink writes them.

        Raises:
            Unavailable: the store cannot be read now; NotFound: it is gone.

        """
        ...

    def holds(self, savepoint: Directory) -> bool | None:
        """Whether a complete savepoint or checkpoint lies there; None: it is not this store's to know.

        Raises:
            Unavailable: the store cannot be read now.

        """
        ...

    def facts(self, state: Directory) -> StateFacts:
        """Return when a complete savepoint or checkpoint was written, and its size where no others share its files.

        Nothing is known of what is not complete, or not in this store.

        Raises:
            Unavailable: the store cannot be read now.

        """
        ...


class BlobSavepoints:
    """A container, in whichever notation a directory of it is named."""

    def __init__(self, container: ContainerClient) -> None:
        """Keep the container; nothing is read yet."""
        self._container = container

    def found(self, directories: Iterable[Directory]) -> list[Found]:
        """List the complete savepoints below a job's directories."""
        return [one for directory in directories for one in _found(directory, self._files(directory, ""))]

    def lying(self, root: Directory) -> dict[str, list[Found]]:
        """List the complete savepoints of all jobs by one listing."""
        return _by_job(root, self._files(root, ""))

    def checkpoint(self, directory: Directory) -> Kept | None:
        """Return the newest complete checkpoint below the directory of one Flink job."""
        return _newest(directory, self._files(directory, "chk-")) if self._has(directory) else None

    def exists(self, directory: Directory) -> bool:
        """Whether anything lies there; an account with a hierarchical namespace lists an empty directory, too."""
        return self._has(directory) and self._holds_any(directory)

    def number(self, savepoint: Directory) -> int | None:
        """Return the number under which Flink wrote a savepoint."""
        name = savepoint.child("_metadata").blob_name
        with storage_errors(f"savepoint {savepoint}"):
            return _number(self._container.download_blob(name, offset=0, length=_HEAD.size).readall())

    def holds(self, savepoint: Directory) -> bool | None:
        """Whether a complete savepoint or checkpoint lies there."""
        if not self._has(savepoint):
            return None
        with storage_errors(f"savepoint {savepoint}"):
            return self._container.get_blob_client(_metadata(savepoint).blob_name).exists()

    def facts(self, state: Directory) -> StateFacts:
        """Return when a state was written, and its size."""
        if not self._has(state):
            return StateFacts()
        shares = _is_checkpoint(state) and any(self._holds_any(state.parent.child(name)) for name in _SHARED)
        return _facts(self._files(state, ""), shares=shares)

    def _holds_any(self, directory: Directory) -> bool:
        with storage_errors(f"directory {directory}"):
            names = self._container.list_blob_names(name_starts_with=f"{directory.blob_name}/", results_per_page=1)
            return any(True for _ in names)

    def _has(self, directory: Directory) -> bool:
        return directory.is_in(self._container.container_name)

    def _files(self, directory: Directory, begins: str) -> list[File]:
        prefix = f"{directory.blob_name}/".lstrip("/")
        with storage_errors(f"savepoints below {directory}"):
            blobs = list(self._container.list_blobs(prefix + begins))
        return [File(blob.name.removeprefix(prefix), blob.last_modified, blob.size) for blob in blobs]


class SavepointPlaces:
    """Several roots, each with its store; what lies in none of these is not known."""

    def __init__(self, stores: Sequence[tuple[Directory, SavepointStore]]) -> None:
        """Keep them; nothing is read yet."""
        self._stores = stores

    def found(self, directories: Iterable[Directory]) -> list[Found]:
        """List the complete savepoints below a job's directories."""
        placed = [(directory, self._of(directory)) for directory in directories]
        return [one for directory, store in placed if store for one in store.found([directory])]

    def lying(self, root: Directory) -> dict[str, list[Found]]:
        """List the complete savepoints of all jobs below one of the roots."""
        store = self._of(root)
        return store.lying(root) if store else {}

    def checkpoint(self, directory: Directory) -> Kept | None:
        """Return the newest complete checkpoint below the directory of one Flink job."""
        store = self._of(directory)
        return store.checkpoint(directory) if store else None

    def exists(self, directory: Directory) -> bool:
        """Whether there is such a directory."""
        store = self._of(directory)
        return store is not None and store.exists(directory)

    def number(self, savepoint: Directory) -> int | None:
        """Return the number under which Flink wrote a savepoint."""
        store = self._of(savepoint)
        return store.number(savepoint) if store else None

    def holds(self, savepoint: Directory) -> bool | None:
        """Whether a complete savepoint or checkpoint lies there."""
        store = self._of(savepoint)
        return store.holds(savepoint) if store else None

    def facts(self, state: Directory) -> StateFacts:
        """Return when a state was written, and its size."""
        store = self._of(state)
        return store.facts(state) if store else StateFacts()

    def _of(self, directory: Directory) -> SavepointStore | None:
        return next((store for root, store in self._stores if root.shares_store(directory)), None)


class LocalSavepoints:
    """Directories of this machine, where the cluster runs on it, too."""

    def found(self, directories: Iterable[Directory]) -> list[Found]:
        """List the complete savepoints below a job's directories."""
        here = [directory for directory in directories if directory.scheme == "file"]
        return [one for directory in here for one in _found(directory, _files(directory, "*/savepoint-*/**/*"))]

    def lying(self, root: Directory) -> dict[str, list[Found]]:
        """List the complete savepoints of all jobs."""
        return _by_job(root, _files(root, "**/savepoint-*/_metadata")) if root.scheme == "file" else {}

    def checkpoint(self, directory: Directory) -> Kept | None:
        """Return the newest complete checkpoint below the directory of one Flink job."""
        return _newest(directory, _files(directory, "chk-*/_metadata")) if directory.scheme == "file" else None

    def exists(self, directory: Directory) -> bool:
        """Whether there is such a directory."""
        return directory.scheme == "file" and Path(directory.path).is_dir()

    def number(self, savepoint: Directory) -> int | None:
        """Return the number under which Flink wrote a savepoint."""
        try:
            with Path(savepoint.child("_metadata").path).open("rb") as file:
                return _number(file.read(_HEAD.size))
        except FileNotFoundError as error:
            raise NotFound(f"there is no savepoint {savepoint}") from error

    def holds(self, savepoint: Directory) -> bool | None:
        """Whether a complete savepoint or checkpoint lies there."""
        return Path(_metadata(savepoint).path).is_file() if savepoint.scheme == "file" else None

    def facts(self, state: Directory) -> StateFacts:
        """Return when a state was written, and its size."""
        if state.scheme != "file":
            return StateFacts()
        shares = _is_checkpoint(state) and any(_files(state.parent.child(name), "*") for name in _SHARED)
        return _facts(_files(state, "**/*"), shares=shares)


def _metadata(savepoint: Directory) -> Directory:
    """Return the file that is written last; Flink takes its path for the savepoint's, too."""
    return savepoint if savepoint.path.endswith("/_metadata") else savepoint.child("_metadata")


def _is_checkpoint(state: Directory) -> bool:
    return state.path.rpartition("/")[2].startswith("chk-")


def _facts(files: Sequence[File], *, shares: bool) -> StateFacts:
    complete = next((file.written_at for file in files if file.inside == "_metadata"), None)
    if complete is None:
        return StateFacts()
    return StateFacts(complete, None if shares else sum(file.size_bytes for file in files))


def _number(head: bytes) -> int | None:
    if len(head) < _HEAD.size:
        return None
    magic, _version, number = _HEAD.unpack(head)
    return int(number) if magic == _MAGIC else None


def _files(directory: Directory, pattern: str) -> list[File]:
    top = Path(directory.path)
    told = [(path, path.stat()) for path in top.glob(pattern) if path.is_file()]
    return [
        File(path.relative_to(top).as_posix(), datetime.fromtimestamp(stat.st_mtime, UTC), stat.st_size)
        for path, stat in told
    ]


def _newest(directory: Directory, files: Iterable[File]) -> Kept | None:
    complete = [match for file in files if (match := _CHECKPOINT.fullmatch(file.inside))]
    if not complete:
        return None
    number, name = max((int(match["number"]), match["name"]) for match in complete)
    return Kept(str(directory.child(name)), number)


def _found(directory: Directory, files: list[File]) -> Iterator[Found]:
    sizes = Counter[str]()
    for file in files:
        sizes["/".join(file.inside.split("/")[:2])] += file.size_bytes
    for file in files:
        if match := _INSIDE.fullmatch(file.inside):
            path = str(directory.child(match["operation"], match["name"]))
            size_bytes = sizes[f"{match['operation']}/{match['name']}"]
            yield Found(path, match["operation"], file.written_at, size_bytes)


def _by_job(root: Directory, files: Iterable[File]) -> dict[str, list[Found]]:
    jobs = defaultdict[str, list[Found]](list)
    for file in files:
        if match := _OF_A_JOB.fullmatch(file.inside):
            path = str(root.child(file.inside.removesuffix("/_metadata")))
            jobs[match["job"]].append(Found(path, match["operation"], file.written_at))
    return dict(jobs)
