"""Which complete savepoints and checkpoints lie in a job's directories? Flink's REST API cannot list them, storage can.

    SAVEPOINT_DIRECTORY   SAVEPOINTS_CONNECTION                        read
    --------------------  -------------------------------------------  ---------------------------------------
    abfs:, abfss:         the connection of that account               its container, one listing a directory
    file:                 local (this machine is the cluster's, too)   the directory itself
    any                   empty                                        nothing: orphans are not looked for

A savepoint or a checkpoint is complete when its `_metadata` is there; Flink writes it last:

    <directory of the job>/<operation id>/savepoint-ddabe5-ae0f/_metadata
    <checkpoint directory>/ddabe5…/chk-7/_metadata                             only of the same container
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from azure.storage.blob import ContainerClient

from ..core.names import Directory
from ..core.orphans import Found
from .storage import storage_errors

_INSIDE = re.compile(r"(?P<operation>[^/]+)/(?P<name>savepoint-[^/]+)/_metadata")
_CHECKPOINT = re.compile(r"(?P<name>chk-(?P<number>\d+))/_metadata")


@dataclass(frozen=True)
class Kept:
    """A complete checkpoint."""

    path: str
    written_at: datetime


class SavepointStore(Protocol):
    """Where savepoints lie."""

    def found(self, directories: Iterable[Directory]) -> list[Found]:
        """List the complete savepoints below a job's directories.

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


class BlobSavepoints:
    """A container, as Flink names it by `abfs:`."""

    def __init__(self, container: ContainerClient) -> None:
        """Keep the container; nothing is read yet."""
        self._container = container

    def found(self, directories: Iterable[Directory]) -> list[Found]:
        """List the complete savepoints below a job's directories."""
        return [one for directory in directories for one in self._below(directory)]

    def checkpoint(self, directory: Directory) -> Kept | None:
        """Return the newest complete checkpoint below the directory of one Flink job."""
        ours = directory.container == self._container.container_name
        return _newest(directory, self._files(directory)) if ours else None

    def _below(self, directory: Directory) -> Iterator[Found]:
        for inside, written_at in self._files(directory):
            if one := _found(directory, inside, written_at):
                yield one

    def _files(self, directory: Directory) -> list[tuple[str, datetime]]:
        prefix = directory.path.strip("/") + "/"
        with storage_errors(f"savepoints below {directory}"):
            return [(b.name.removeprefix(prefix), b.last_modified) for b in self._container.list_blobs(prefix)]


class LocalSavepoints:
    """Directories of this machine, where the cluster runs on it, too."""

    def found(self, directories: Iterable[Directory]) -> list[Found]:
        """List the complete savepoints below a job's directories."""
        return [one for directory in directories if directory.scheme == "file" for one in self._below(directory)]

    def checkpoint(self, directory: Directory) -> Kept | None:
        """Return the newest complete checkpoint below the directory of one Flink job."""
        return _newest(directory, _files(directory, "chk-*/_metadata")) if directory.scheme == "file" else None

    def _below(self, directory: Directory) -> Iterator[Found]:
        for inside, written_at in _files(directory, "*/savepoint-*/_metadata"):
            if one := _found(directory, inside, written_at):
                yield one


def _files(directory: Directory, pattern: str) -> list[tuple[str, datetime]]:
    top = Path(directory.path)
    files = [(file, file.stat().st_mtime) for file in top.glob(pattern)]
    return [(file.relative_to(top).as_posix(), datetime.fromtimestamp(at, UTC)) for file, at in files]


def _newest(directory: Directory, files: Iterable[tuple[str, datetime]]) -> Kept | None:
    complete = [(match, at) for inside, at in files if (match := _CHECKPOINT.fullmatch(inside))]
    if not complete:
        return None
    match, written_at = max(complete, key=lambda one: int(one[0]["number"]))
    return Kept(str(directory.child(match["name"])), written_at)


def _found(directory: Directory, inside: str, written_at: datetime) -> Found | None:
    match = _INSIDE.fullmatch(inside)
    if match is None:
        return None
    return Found(str(directory.child(match["operation"], match["name"])), match["operation"], written_at)
