"""How a jar becomes a release: which jar an operation means, and with which spec."""

from __future__ import annotations

import pytest

from flinkfuncs.clusters.keeper import keep_release
from flinkfuncs.core.actions import Action
from flinkfuncs.core.errors import NotFound, Refused
from flinkfuncs.core.operations import Operation
from flinkfuncs.core.releases import JarSource, Spec, SpecPatch
from tests.unit.builders import ORDERS, asked, job, release
from tests.wire.storage import Storage, jar

BLOB = "stateful/orders/new.jar"
RECORDED = release("old", Spec(args="--topic orders", parallelism=7))


def update(request: dict[str, object]) -> Operation:
    """Return an update that asks for that."""
    operation = asked(Action.UPDATE)
    return operation.model_copy(update={"request": operation.request.model_copy(update=request)})


def uploaded(storage: Storage) -> JarSource:
    """Upload a jar."""
    return JarSource(place="uploads", name=BLOB, etag=storage.upload(BLOB, jar()))


@pytest.mark.parametrize(
    ("replaces", "spec"),
    [(False, Spec(args="--topic orders", parallelism=3)), (True, Spec(parallelism=3))],
)
def test_a_jar_inherits_the_recorded_spec_unless_a_job_json_holds_the_whole(
    storage: Storage, replaces: bool, spec: Spec
) -> None:
    """What is asked for is laid over what is recorded."""
    request = {"jar": uploaded(storage), "spec": SpecPatch(parallelism=3), "replaces_spec": replaces}
    kept = keep_release(storage.jars, job(wanted=RECORDED), update(request))
    assert kept.spec == spec
    assert (kept.jar_name, kept.source.etag) == ("new.jar", uploaded_etag(storage))


def uploaded_etag(storage: Storage) -> str:
    """Return the ETag of the jar that lies there."""
    etag: str = storage.uploads.get_blob_client(BLOB).get_blob_properties().etag
    return etag


def test_a_pinned_hash_has_to_be_the_jars(storage: Storage) -> None:
    """A job.json may say which bytes it means."""
    with pytest.raises(Refused) as raised:
        keep_release(storage.jars, job(), update({"jar": uploaded(storage), "wanted_sha256": "0" * 64}))
    assert raised.value.code == "OtherJar"


def test_without_a_jar_of_its_own_an_update_runs_the_recorded_bytes_with_another_spec(storage: Storage) -> None:
    """Whatever lies under the upload's name now; without a recorded one, or its bytes, there is nothing to run."""
    with pytest.raises(Refused) as refusal:
        keep_release(storage.jars, job(wanted=RECORDED), update({}))
    assert refusal.value.code == "ReleaseGone"
    storage.releases.upload_blob(f"{ORDERS}/{RECORDED.sha256}.jar", b"the bytes")
    kept = keep_release(storage.jars, job(wanted=RECORDED), update({"spec": SpecPatch(parallelism=1)}))
    assert (kept.sha256, kept.spec) == (RECORDED.sha256, Spec(args="--topic orders", parallelism=1))
    storage.upload(RECORDED.source.name, jar(padding=b"held, or rolled back before"))
    assert keep_release(storage.jars, job(wanted=RECORDED), update({})).same_as(RECORDED)
    with pytest.raises(Refused) as raised:
        keep_release(storage.jars, job(wanted=None), update({}))
    assert raised.value.code == "NoJar"
    with pytest.raises(NotFound):
        keep_release(storage.jars, job(), update({"jar": JarSource(place="uploads", name="stateful/orders/x.jar")}))
