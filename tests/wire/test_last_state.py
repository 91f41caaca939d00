"""What the last copy of a job left, by Flink's word or, once it has forgotten the copy, by what lies in storage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flinkfuncs.clients.flink import Flink
from flinkfuncs.clients.savepoint_store import BlobSavepoints, LocalSavepoints, SavepointStore
from flinkfuncs.clusters.last_state import LastState
from flinkfuncs.core.errors import NotFound
from flinkfuncs.core.names import Directory
from flinkfuncs.core.releases import Spec
from flinkfuncs.core.session.facts import Left
from tests.unit.builders import OLD_ID, copy_of, job, release

from .server import Answer, serving
from .storage import Storage

FORGOTTEN = {"GET /checkpoints": [Answer(404, {"errors": ["Job not found"]})]}
KNOWN = {
    "GET /checkpoints/config": [Answer(200, {"externalization": {"enabled": True, "delete_on_cancellation": False}})],
    "GET /checkpoints": [Answer(200, {"latest": {"completed": {"id": 7, "external_path": "file:/told"}}})],
}


def written(directory: Path, number: int) -> str:
    """Write a complete checkpoint or savepoint of that number, and return its place as Flink names it."""
    directory.mkdir(parents=True)
    (directory / "_metadata").write_bytes(bytes.fromhex("4960672d00000006") + number.to_bytes(8) + b"state")
    os.utime(directory / "_metadata", (1000 - number,) * 2)  # a slow savepoint is written behind a newer checkpoint
    return directory.as_uri()


def left(
    tmp_path: Path,
    answers: dict[str, list[Answer]],
    *,
    ended: bool = True,
    chosen: dict[str, str] | None = None,
    configuration: dict[str, str] | None = None,
    started_from: str | None = None,
) -> Left | None:
    """Ask; the cluster's checkpoints lie in `cp` unless the configuration says otherwise."""
    root = Directory.parse((tmp_path / "sp").as_uri())
    record = job(copy_of(release("old", Spec(flink_configuration=chosen or {})), savepoint=started_from))
    configured = {"execution.checkpointing.dir": (tmp_path / "cp").as_uri()} if configuration is None else configuration
    with serving(answers) as server:
        state = LastState(Flink(server.url, call_seconds=5), LocalSavepoints(), root)
        return state.left(record, configured, ended=ended)


def test_while_flink_knows_the_copy_its_word_counts(tmp_path: Path) -> None:
    """Storage may hold what Flink has discarded already."""
    written(tmp_path / "cp" / OLD_ID / "chk-9", 9)
    assert left(tmp_path, KNOWN) == Left("file:/told")


@pytest.mark.parametrize(("saved", "newest"), [(None, "chk"), (5, "chk"), (9, "sp")])
def test_of_a_forgotten_copy_the_newest_thing_in_storage_counts(tmp_path: Path, saved: int | None, newest: str) -> None:
    """By number, whatever was written last: a checkpoint or a savepoint of this copy, none of another one."""
    paths = {"chk": written(tmp_path / "cp" / OLD_ID / "chk-7", 7)}
    written(tmp_path / "sp/orders/op2/savepoint-ffffff-1", 99)
    if saved:
        paths["sp"] = written(tmp_path / f"sp/orders/op1/savepoint-{OLD_ID[:6]}-1", saved)
    assert left(tmp_path, FORGOTTEN) == Left(paths[newest])


@pytest.mark.parametrize("metadata", [b"", b"x" * 40, bytes.fromhex("4960672d000000")])
def test_a_savepoint_that_has_no_number_leaves_the_newest_state_unknown(tmp_path: Path, metadata: bytes) -> None:
    """It may be newer than the checkpoint, and nobody can tell."""
    written(tmp_path / "cp" / OLD_ID / "chk-7", 7)
    strange = tmp_path / f"sp/orders/op1/savepoint-{OLD_ID[:6]}-1"
    written(strange, 5)
    (strange / "_metadata").write_bytes(metadata)
    assert left(tmp_path, FORGOTTEN) is None


@pytest.mark.parametrize(("saved", "newest"), [(None, "start"), (9, "sp")])
def test_of_a_forgotten_copy_that_completed_no_checkpoint_its_start_or_a_savepoint_counts(
    tmp_path: Path, saved: int | None, newest: str
) -> None:
    """Flink made its directory when it started, so it wrote its checkpoints there and nowhere else."""
    (tmp_path / "cp" / OLD_ID / "shared").mkdir(parents=True)
    (tmp_path / "cp" / OLD_ID / "chk-1").mkdir()  # begun, and never completed
    paths = {"start": "file:///sp/orders/op0/savepoint-ffffff-1"}
    if saved:
        paths["sp"] = written(tmp_path / f"sp/orders/op1/savepoint-{OLD_ID[:6]}-1", saved)
    assert left(tmp_path, FORGOTTEN, started_from=paths["start"]) == Left(paths[newest])


def test_of_a_forgotten_copy_that_was_started_fresh_and_completed_no_checkpoint_nothing_is_left(tmp_path: Path) -> None:
    """There is nothing to go on from, and none of somebody else's is taken."""
    (tmp_path / "cp" / OLD_ID / "shared").mkdir(parents=True)
    assert left(tmp_path, FORGOTTEN) is None


def test_a_savepoint_alone_is_not_taken_for_the_newest_state(tmp_path: Path) -> None:
    """A main() may have written checkpoints elsewhere."""
    written(tmp_path / f"sp/orders/op1/savepoint-{OLD_ID[:6]}-1", 9)
    assert left(tmp_path, FORGOTTEN) is None


@pytest.mark.parametrize(
    ("chosen", "configuration", "found"),
    [
        ({}, {"state.checkpoints.dir": "CP"}, True),
        ({}, {}, False),
        ({"execution.checkpointing.dir": "CP"}, {"execution.checkpointing.dir": "CP"}, True),
        ({"execution.checkpointing.dir": "CP"}, {"execution.checkpointing.dir": "ELSEWHERE"}, False),
        ({"execution.checkpointing.dir": "CP/.."}, None, False),
    ],
)
def test_only_the_clusters_own_checkpoint_directory_is_listed(
    tmp_path: Path, chosen: dict[str, str], configuration: dict[str, str] | None, found: bool
) -> None:
    """Never one that only a release names."""
    written(tmp_path / "cp" / OLD_ID / "chk-7", 7)

    def placed(options: dict[str, str]) -> dict[str, str]:
        return {key: text.replace("CP", (tmp_path / "cp").as_uri()) for key, text in options.items()}

    configured = None if configuration is None else placed(configuration)
    assert (left(tmp_path, FORGOTTEN, chosen=placed(chosen), configuration=configured) is not None) is found


def test_an_unaligned_checkpoint_in_storage_is_told_by_the_configuration(tmp_path: Path) -> None:
    """The release's goes before the cluster's."""
    path = written(tmp_path / "cp" / OLD_ID / "chk-7", 7)
    unaligned = {"execution.checkpointing.unaligned.enabled": "true"}
    assert left(tmp_path, FORGOTTEN, chosen=unaligned) == Left(path, unaligned=True)


def test_storage_is_not_asked_about_a_copy_that_has_not_ended(tmp_path: Path) -> None:
    """Whether its checkpoints outlive a cancel, only Flink can tell."""
    written(tmp_path / "cp" / OLD_ID / "chk-7", 7)
    with pytest.raises(NotFound):
        left(tmp_path, FORGOTTEN, ended=False)


# ------------------------------------------------------------------------------------------------------- age and size

SAVED = {
    "latest": {
        "completed": {"id": 9, "external_path": "file:/cp/chk-9", "latest_ack_timestamp": 9_000, "state_size": 900},
        "savepoint": {"id": 8, "external_path": "file:/sp/8", "latest_ack_timestamp": 8_000, "state_size": 800},
        "restored": {"id": 1, "external_path": "file:/sp/1", "is_savepoint": True},
    },
    "history": [
        {"id": 10, "status": "IN_PROGRESS", "latest_ack_timestamp": -1, "state_size": 0},
        {"id": 9, "external_path": "file:/cp/chk-9", "latest_ack_timestamp": 9_000, "state_size": 900},
        {"id": 7, "external_path": "file:/cp/chk-7", "latest_ack_timestamp": 7_000, "state_size": 700},
    ],
}


def facts(path: str, answer: Answer, store: SavepointStore | None = None) -> tuple[int | None, int | None]:
    """Ask for the time (seconds since 1970) and the size of the state at a path."""
    with serving({"GET /checkpoints": [answer]}) as server:
        state = LastState(Flink(server.url, call_seconds=5), store, Directory.parse("file:///sp"))
        found = state.facts(job(copy_of()), path)
    return int(found.written_at.timestamp()) if found.written_at else None, found.size_bytes


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("file:///cp/chk-9", (9, 900)),
        ("file:///sp/8/_metadata", (8, 800)),
        ("file:///cp/chk-7", (7, 700)),  # one that was the newest a moment ago
        ("file:///sp/1", (None, None)),  # what it was started from: Flink says when it was restored, and no more
        ("file:///sp/99", (None, None)),
        ("not a uri", (None, None)),
    ],
)
def test_flink_tells_when_the_states_of_a_copy_were_written(path: str, told: tuple[int | None, int | None]) -> None:
    """The newest ones, and those of its history; in whichever notation."""
    assert facts(path, Answer(200, SAVED)) == told


@pytest.mark.parametrize(
    "answer", [Answer(404, {"errors": ["Job not found"]}), Answer(503), Answer(200, {"latest": 1})]
)
def test_where_neither_flink_nor_storage_tells_nothing_is_known(answer: Answer) -> None:
    """A copy that Flink forgot, a Flink that does not answer, and one that answers something else."""
    assert facts("file:///cp/chk-9", answer) == (None, None)


def test_storage_tells_what_flink_does_not_and_flink_what_storage_does_not(tmp_path: Path) -> None:
    """The size of a checkpoint that shares its files with others is Flink's word."""
    path = written(tmp_path / "cp/chk-7", 7)
    size = (tmp_path / "cp/chk-7/_metadata").stat().st_size
    told = {"id": 7, "external_path": path, "latest_ack_timestamp": 7_000, "state_size": 700}
    knows, forgot = Answer(200, {"latest": {"completed": told}}), Answer(404, {"errors": ["Job not found"]})
    assert facts(path, forgot, LocalSavepoints()) == (993, size)
    (tmp_path / "cp/shared").mkdir()
    (tmp_path / "cp/shared/one").write_bytes(b"x")
    assert facts(path, forgot, LocalSavepoints()) == (993, None)
    assert facts(path, knows, LocalSavepoints()) == (993, 700)


def test_a_storage_that_cannot_be_asked_leaves_it_to_flink(storage: Storage) -> None:
    """As the container is gone, or may not be listed."""
    path = f"abfs://{storage.releases.container_name}@account.dfs.core.windows.net/cp/chk-9"
    told = {"id": 9, "external_path": path, "latest_ack_timestamp": 9_000, "state_size": 900}
    storage.releases.delete_container()
    answer = Answer(200, {"latest": {"completed": told}})
    assert facts(path, answer, BlobSavepoints(storage.releases)) == (9, 900)
