"""Which jars are kept, and that what is kept is what was uploaded: on a real Azurite."""

from __future__ import annotations

import hashlib
import io
import random
import struct
import zipfile
from datetime import UTC, datetime

import pytest

from flinkfuncs.clients.jar_file import READ_LIMIT_BYTES, check_jar, main_class
from flinkfuncs.clients.jars import BlobFacts, Jars, KeptJar
from flinkfuncs.clients.storage import CHUNK_BYTES, Conflict, blob_service
from flinkfuncs.core.errors import NotFound, Refused
from tests.unit.builders import ORDERS
from tests.wire.server import Answer, serving
from tests.wire.storage import Storage, jar

BLOB = "stateful/orders/orders.jar"
MANIFEST = "META-INF/MANIFEST.MF"


def zipped(files: dict[str, str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip that holds these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for name, text in files.items():
            made.writestr(name, text)
    return buffer.getvalue()


def keep(storage: Storage, *, etag: str | None = None, entry_class: str | None = None) -> KeptJar:
    """Keep the uploaded jar."""
    return storage.jars.keep(ORDERS, "uploads", BLOB, etag=etag, entry_class=entry_class)


@pytest.mark.parametrize(
    ("data", "entry_class", "code"),
    [
        (b"", None, "EmptyJar"),
        (b"no zip at all", None, "NotAJar"),
        (jar()[:-30], None, "NotAJar"),
        (jar()[:40], None, "NotAJar"),
        (jar(None), None, "NoEntryClass"),
        (zipped({"readme": "no manifest"}), None, "NoEntryClass"),
        (
            zipped({MANIFEST: "Manifest-Version: 1.0\n\nName: a/\nMain-Class: in.a.later.Section\n"}),
            None,
            "NoEntryClass",
        ),
        (zipped({MANIFEST: "Main-Class: x.Y\n"}, zipfile.ZIP_LZMA), None, "NotAJar"),
        (zipped({MANIFEST: "Main-Class: x.Y\n"}, zipfile.ZIP_BZIP2), None, "NotAJar"),
    ],
    ids=[
        "empty",
        "no zip",
        "truncated",
        "the beginning",
        "no class",
        "no manifest",
        "a later section",
        "LZMA",
        "bzip2",
    ],
)
def test_what_cannot_be_run_is_not_kept(storage: Storage, data: bytes, entry_class: str | None, code: str) -> None:
    """It is refused before anything runs, and no release is left behind."""
    storage.upload(BLOB, data)
    with pytest.raises(Refused) as raised:
        keep(storage, entry_class=entry_class)
    assert raised.value.code == code
    assert not storage.jars.has_releases(ORDERS)


@pytest.mark.parametrize(
    ("data", "entry_class"),
    [
        (zipped({MANIFEST: "Manifest-Version: 1.0\nprogram-class: x.Job\n"}), None),
        (zipped({MANIFEST: "main-class: x.Job\n"}), None),
        (zipped({"meta-inf/Manifest.mf": "Main-Class: x.Job\n"}), None),
        (zipped({MANIFEST: "Main-Class: a.name.that.is.very.lo\r\n ng.Job\r\n"}), None),
        (zipped({MANIFEST: "Main-Class: x.Job\n", "lib/inner.jar": "PK"}), None),
        (zipped({MANIFEST: "Main-Class: of.the.Cluster\n"}), None),
        (zipped({"x/Job.class": "cafebabe", "y/Job.class": "cafebabe"}), "x.Job"),
    ],
    ids=["program-class", "case", "case of the file", "folded", "nested", "elsewhere", "several mains"],
)
def test_a_jar_that_names_its_class_in_any_way_that_flink_reads_is_kept(
    storage: Storage, data: bytes, entry_class: str | None
) -> None:
    """Where the class lies is Flink's to find: it looks in nested jars and on the cluster, too."""
    storage.upload(BLOB, data)
    assert keep(storage, entry_class=entry_class).sha256 == hashlib.sha256(data).hexdigest()


def test_program_class_goes_before_main_class() -> None:
    """As Flink reads a manifest; and the spec's class goes before both."""
    both = zipped({MANIFEST: "Main-Class: a.Main\nprogram-class: a.Program\n"})
    with zipfile.ZipFile(io.BytesIO(both)) as opened:
        assert main_class(opened) == "a.Program"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_damaged_jar_is_refused_and_never_a_crash(method: int) -> None:
    """Wherever a byte is wrong: a crash would be retried, and say nothing of the jar."""
    whole = zipped({MANIFEST: "Main-Class: x.Job\n" * 20, "x/Job.class": "cafebabe"}, method)
    drawn, refused = random.Random(1), 0  # noqa: S311 - the same damage every time
    for _ in range(1000):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[drawn.randrange(len(damaged))] = drawn.randrange(256)
        try:
            check_jar(io.BytesIO(damaged), name="x.jar", entry_class=None)
        except Refused:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    ("more", "why"), [(0, "Bad magic number"), (1, f"its directory has {READ_LIMIT_BYTES + 1} bytes")]
)
def test_a_directory_that_no_jar_has_is_not_read_into_memory(storage: Storage, more: int, why: str) -> None:
    """Anybody may write into a zip how long its directory is; zipfile reads it at once."""
    size_bytes = READ_LIMIT_BYTES + more
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, size_bytes, 0, 0)
    storage.upload(BLOB, bytes(size_bytes) + end)
    with pytest.raises(Refused, match=why) as raised:
        keep(storage)
    assert raised.value.code == "NotAJar"


def test_a_jar_of_many_pieces_is_kept_byte_for_byte_and_once(storage: Storage) -> None:
    """Streamed: 20 MB pass in pieces, the hash is of what was kept, and done twice it is the same."""
    data = jar(padding=random.Random(2).randbytes(20 * 1024 * 1024))  # noqa: S311 - bytes that do not compress
    etag = storage.upload(BLOB, data)
    first = keep(storage, etag=etag)
    assert first.sha256 == hashlib.sha256(data).hexdigest()
    assert (first.size_bytes, first.facts.etag) == (len(data), etag)
    kept = storage.releases.get_blob_client(f"orders/{first.sha256}.jar").get_blob_properties()
    assert keep(storage, etag=etag) == first
    again = storage.releases.get_blob_client(f"orders/{first.sha256}.jar").get_blob_properties()
    assert (again.etag, again.size) == (kept.etag, len(data))
    reader, digest = storage.jars.kept(ORDERS, first.sha256), hashlib.sha256()
    assert reader.len == len(data)
    while piece := reader.read(CHUNK_BYTES):
        digest.update(piece)
    assert digest.hexdigest() == reader.sha256 == first.sha256
    assert reader.len == 0


def test_a_jar_that_was_overwritten_before_it_was_read_is_a_conflict(storage: Storage) -> None:
    """An upload is its ETag; the newer one is another upload."""
    etag = storage.upload(BLOB, jar())
    storage.upload(BLOB, jar("com.example.Newer"))
    with pytest.raises(Conflict):
        keep(storage, etag=etag)
    assert not storage.jars.has_releases(ORDERS)


def test_an_upload_that_was_deleted_before_it_was_read_is_a_conflict() -> None:
    """It is looked at again, and nothing is refused for it; the emulator says 412 where Azure may say 404."""
    gone = Answer(404, raw=b"", headers={"x-ms-request-id": "1", "x-ms-error-code": "BlobNotFound"})
    facts = BlobFacts(BLOB, '"1"', datetime(2026, 11, 21, tzinfo=UTC), 3)
    with serving({"GET ": [gone]}) as server:
        connection = f"AccountName=a;AccountKey=QQ==;BlobEndpoint={server.url}/a;QueueEndpoint={server.url}/a;"
        with blob_service("JARS", {"JARS": connection}) as blobs:
            jars = Jars({"uploads": blobs.get_container_client("u")}, blobs.get_container_client("r"))
            for read in (jars.read_small, jars.sha256):
                with pytest.raises(Conflict):
                    read(facts)


def test_a_jar_that_is_not_there_is_not_found(storage: Storage) -> None:
    """Neither among the uploads nor among the releases."""
    with pytest.raises(NotFound):
        keep(storage)
    with pytest.raises(NotFound):
        storage.jars.kept(ORDERS, "0" * 64)


def test_a_class_that_the_spec_names_goes_before_the_manifests(storage: Storage) -> None:
    """A jar may hold many jobs."""
    storage.upload(BLOB, jar("com.example.Main", holds="com.example.Orders"))
    assert keep(storage, entry_class="com.example.Orders").sha256


def test_a_long_main_class_goes_on_in_the_next_line(storage: Storage) -> None:
    """As the jar tool writes what is longer than 72 bytes."""
    name = f"com.{'x' * 80}.Orders"
    folded = f"{name[:58]}\r\n {name[58:]}"
    storage.upload(BLOB, jar(folded, holds=name))
    assert keep(storage).sha256
