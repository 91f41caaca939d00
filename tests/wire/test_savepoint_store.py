"""What is found in the directories of a job: in a container, and on this machine."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flinkfuncs.clients.savepoint_store import BlobSavepoints, LocalSavepoints, SavepointPlaces, SavepointStore
from flinkfuncs.core.errors import NotFound
from flinkfuncs.core.names import Directory
from flinkfuncs.core.plans import StateFacts
from tests.wire.storage import Storage
from tests.wire.test_load import counted

FILES = (
    "team/orders/op1/savepoint-1/_metadata",
    "team/orders/op1/savepoint-1/state-of-a-task",
    "team/orders/op2/savepoint-2/state-of-a-task",
    "team/orders/op3/chk-7/_metadata",
    "team/orders/op4/deeper/savepoint-4/_metadata",
    "team/orders-2/op5/savepoint-5/_metadata",
    "other/orders/op6/savepoint-6/_metadata",
    "orders/op7/savepoint-7/_metadata",
)
FOUND = [("op1", "team/orders/op1/savepoint-1"), ("op7", "orders/op7/savepoint-7")]


def test_a_container_shows_the_complete_savepoints_of_a_jobs_directories(storage: Storage) -> None:
    """Of that job only; one that is still written, a checkpoint and a deeper directory are none."""
    for name in FILES:
        storage.releases.upload_blob(name, b"x")
    root = Directory.parse("abfs://savepoints@account.dfs.core.windows.net/")
    found = BlobSavepoints(storage.releases).found([root.child("team", "orders"), root.child("orders")])
    assert [(one.operation, one.path) for one in found] == [(operation, f"{root}/{path}") for operation, path in FOUND]
    assert all((datetime.now(UTC) - one.written_at).total_seconds() < 600 for one in found)
    assert [one.size_bytes for one in found] == [2, 1]


def test_one_listing_shows_the_complete_savepoints_of_all_jobs(storage: Storage, tmp_path: Path) -> None:
    """By the directory that a job's are called by, wherever it lies below the root, which may be the container."""
    for name in FILES:
        storage.releases.upload_blob(name, b"x")
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    there = Directory.parse("abfs://savepoints@account.dfs.core.windows.net/")
    for store, root in (
        (BlobSavepoints(storage.releases), there),
        (LocalSavepoints(), Directory.parse(tmp_path.as_uri())),
    ):
        every = store.lying(root)
        orders = {
            f"{root}/{path}"
            for path in ("team/orders/op1/savepoint-1", "other/orders/op6/savepoint-6", "orders/op7/savepoint-7")
        }
        assert {one.path for one in every["orders"]} == orders
        assert {one.operation for one in every["orders"]} == {"op1", "op6", "op7"}
        assert [one.path for one in every["orders-2"]] == [f"{root}/team/orders-2/op5/savepoint-5"]
        assert {one.path for one in store.lying(root.child("team"))["orders"]} == {
            f"{root}/team/orders/op1/savepoint-1"
        }
    with counted() as sent:
        BlobSavepoints(storage.releases).lying(there)
    assert sent == {"list": 1}
    assert LocalSavepoints().lying(there) == {}


CHECKPOINTS = ("cp/job/chk-9/_metadata", "cp/job/chk-10/_metadata", "cp/job/chk-11/state", "cp/other/chk-12/_metadata")


def test_the_newest_complete_checkpoint_of_a_copy_is_found_by_its_number(storage: Storage, tmp_path: Path) -> None:
    """Not by its name, and not one that is still written; another container is not looked into."""
    for name in CHECKPOINTS:
        storage.releases.upload_blob(name, b"x")
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    name, here = storage.releases.container_name, Directory.parse(tmp_path.as_uri()).child("cp")
    root = Directory.parse(f"abfs://{name}@account.dfs.core.windows.net/cp")
    for store, directory in ((BlobSavepoints(storage.releases), root), (LocalSavepoints(), here)):
        newest = store.checkpoint(directory.child("job"))
        assert newest
        assert newest.path == f"{directory}/job/chk-10"
        assert store.checkpoint(directory.child("none")) is None
        assert store.exists(directory.child("job"))
        assert not store.exists(directory.child("jo"))
    assert (
        BlobSavepoints(storage.releases).checkpoint(Directory.parse("abfs://else@account.dfs.core.windows.net/cp/job"))
        is None
    )
    assert not BlobSavepoints(storage.releases).exists(
        Directory.parse("abfs://else@account.dfs.core.windows.net/cp/job")
    )
    assert LocalSavepoints().checkpoint(root.child("job")) is None
    assert not LocalSavepoints().exists(root.child("job"))


@pytest.mark.parametrize("place", ["sp/1", "sp/1/", "sp/1/_metadata", "cp/chk-7"])
def test_a_state_is_there_where_its_metadata_is(storage: Storage, tmp_path: Path, place: str) -> None:
    """Flink writes that last; what is somewhere else this store does not know."""
    for name in ("sp/1/_metadata", "sp/2/state", "cp/chk-7/_metadata"):
        storage.releases.upload_blob(name, b"x")
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    here = tmp_path.as_uri()
    there = f"abfs://{storage.releases.container_name}@account.dfs.core.windows.net"
    blobs, local = BlobSavepoints(storage.releases), LocalSavepoints()
    container = storage.releases.container_name
    notations = (
        there,
        f"abfss://{container}@account",
        f"wasb://{container}@account.blob.core.windows.net",
        f"wasbs://{container}@account.blob.core.windows.net",
        f"https://account.blob.core.windows.net/{container}",
    )
    stores: list[tuple[SavepointStore, str]] = [*((blobs, notation) for notation in notations), (local, here)]
    for store, root in stores:
        assert store.holds(Directory.parse(f"{root}/{place}")) is True
        assert store.holds(Directory.parse(f"{root}/sp/2")) is False
        assert store.holds(Directory.parse(f"{root}/sp")) is False
    assert blobs.holds(Directory.parse("abfs://else@account.dfs.core.windows.net/sp/1")) is None
    for elsewhere in (here, f"s3://{container}", f"https://{container}", f"https://evil.example/{container}"):
        assert blobs.holds(Directory.parse(f"{elsewhere}/sp/1")) is None
        assert not blobs.exists(Directory.parse(f"{elsewhere}/sp"))
    assert local.holds(Directory.parse(f"{there}/sp/1")) is None


@pytest.mark.parametrize(
    ("state", "size"),
    [("sp/1", 7), ("one/cp/chk-7", 7), ("two/cp/chk-7", None), ("three/cp/chk-7", None), ("sp/2", None), ("sp", None)],
)
def test_a_state_has_the_size_of_its_files_unless_it_shares_some(
    storage: Storage, tmp_path: Path, state: str, size: int | None
) -> None:
    """What is not complete is none; another state's files, and what lies beside a savepoint, are not its own."""
    complete = ("sp/1", "sp/11", "one/cp/chk-7", "one/cp/chk-77", "two/cp/chk-7", "three/cp/chk-7")
    files = {f"{name}/_metadata": b"x" * 3 for name in complete} | {f"{name}/deep/er": b"x" * 4 for name in complete}
    files |= dict.fromkeys(("sp/2/state", "sp/shared/x", "two/cp/shared/x", "three/cp/taskowned/x"), b"x")
    for name, content in files.items():
        storage.releases.upload_blob(name, content)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    there = Directory.parse(f"abfs://{storage.releases.container_name}@account.dfs.core.windows.net")
    blobs, local, here = BlobSavepoints(storage.releases), LocalSavepoints(), Directory.parse(tmp_path.as_uri())
    every = SavepointPlaces([(there, blobs), (here, local)])
    stores: list[tuple[SavepointStore, Directory]] = [(blobs, there), (local, here), (every, there), (every, here)]
    for store, root in stores:
        found = store.facts(root.child(state))
        assert found.size_bytes == size
        assert (found.written_at is not None) == (state in complete)
        assert found.written_at is None or abs((datetime.now(UTC) - found.written_at).total_seconds()) < 600
    assert blobs.facts(here.child(state)) == local.facts(there.child(state)) == StateFacts()
    assert every.facts(Directory.parse(f"s3://elsewhere/{state}")) == StateFacts()


def test_the_number_of_a_savepoint_stands_at_the_beginning_of_its_metadata(storage: Storage, tmp_path: Path) -> None:
    """The same in both places; one that is gone is an error, one that Flink did not write has none."""
    head = bytes.fromhex("4960672d00000004") + (41).to_bytes(8)
    for name, content in (("sp/1", head + b"state"), ("sp/2", b"something else, of some length")):
        storage.releases.upload_blob(f"{name}/_metadata", content)
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "_metadata").write_bytes(content)
    here, there = Directory.parse(tmp_path.as_uri()), Directory.parse("abfs://c@account.dfs.core.windows.net/")
    for store, root in ((LocalSavepoints(), here), (BlobSavepoints(storage.releases), there)):
        assert [store.number(root.child("sp", name)) for name in ("1", "2")] == [41, None]
        with pytest.raises(NotFound):
            store.number(root.child("sp", "3"))


def test_an_https_root_shows_the_same_as_any_other_notation(storage: Storage) -> None:
    """Its path begins with the container."""
    head = bytes.fromhex("4960672d00000004") + (41).to_bytes(8)
    storage.releases.upload_blob("team/orders/op1/savepoint-1/_metadata", head)
    storage.releases.upload_blob("cp/job/chk-3/_metadata", head)
    root = Directory.parse(f"https://account.dfs.core.windows.net/{storage.releases.container_name}")
    store, team = BlobSavepoints(storage.releases), root.child("team")
    assert [one.path for one in store.found([team.child("orders")])] == [f"{team}/orders/op1/savepoint-1"]
    assert [one.path for one in store.lying(team)["orders"]] == [f"{team}/orders/op1/savepoint-1"]
    assert store.number(team.child("orders", "op1", "savepoint-1")) == 41
    newest = store.checkpoint(root.child("cp", "job"))
    assert (newest and newest.path, store.exists(root.child("cp"))) == (f"{root}/cp/job/chk-3", True)


def test_a_container_that_is_not_there_is_an_error(storage: Storage) -> None:
    """It is told, and not taken for an empty one."""
    storage.releases.delete_container()
    with pytest.raises(NotFound):
        BlobSavepoints(storage.releases).found([Directory.parse("abfs://c@a.dfs.core.windows.net/sp")])


def test_a_directory_of_this_machine_shows_the_same(tmp_path: Path) -> None:
    """With the time at which Flink ended writing; another scheme is not looked for here."""
    for name in FILES:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
        os.utime(file, (1_790_000_000,) * 2)
    root = Directory.parse(tmp_path.as_uri())
    elsewhere = Directory.parse(f"hdfs://name{tmp_path}/team/orders")
    found = LocalSavepoints().found([root.child("team", "orders"), root.child("orders"), elsewhere, root.child("none")])
    assert [(one.operation, one.path) for one in found] == [(operation, f"{root}/{path}") for operation, path in FOUND]
    assert [one.size_bytes for one in found] == [2, 1]
    assert {one.written_at for one in found} == {datetime.fromtimestamp(1_790_000_000, UTC)}
