"""Which complete savepoints lie in a job's directories? Flink's REST API cannot list them, storage can.

    SAVEPOINT_DIRECTORY   SAVEPOINTS_CONNECTION                        read
    --------------------  -------------------------------------------  ---------------------------------------
    abfs:, abfss:         the connection of that account               its container, one listing a directory
    file:                 local (this machine is the cluster's, too)   the directory itself
    any                   empty                                        nothing: orphans are not looked for

A savepoint is complete when its `_metadata` is there; Flink writes it last:

    <directory of the job>/<operation id>/savepoint-ddabe5-ae0f/_metadata
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from azure.storage.blob import ContainerClient

from ..core.names import Directory
from ..core.orphans import Found
from .storage import storage_errors

_INSIDE = re.compile(r"(?P<operation>[^/]+)/(?P<name>savepoint-[^/]+)/_metadata")


class SavepointStore(Protocol):
    """Where savepoints lie."""

    def found(self, directories: Iterable[Directory]) -> list[Found]:
        """List the complete savepoints below a job's directories.

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

    def _below(self, directory: Directory) -> Iterator[Found]:
        prefix = directory.path.strip("/") + "/"
        with storage_errors(f"savepoints below {directory}"):
            blobs = list(self._container.list_blobs(prefix))
        for blob in blobs:
            if one := _found(directory, blob.name.removeprefix(prefix), blob.last_modified):
                yield one


class LocalSavepoints:
    """Directories of this machine, where the cluster runs on it, too."""

    def found(self, directories: Iterable[Directory]) -> list[Found]:
        """List the complete savepoints below a job's directories."""
        return [one for directory in directories if directory.scheme == "file" for one in self._below(directory)]

    def _below(self, directory: Directory) -> Iterator[Found]:
        top = Path(directory.path)
        for file in top.glob("*/savepoint-*/_metadata"):
            written_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
            if one := _found(directory, file.relative_to(top).as_posix(), written_at):
                yield one


def _found(directory: Directory, inside: str, written_at: datetime) -> Found | None:
    match = _INSIDE.fullmatch(inside)
    if match is None:
        return None
    return Found(str(directory.child(match["operation"], match["name"])), match["operation"], written_at)
