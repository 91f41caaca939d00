"""What goes wrong between the app and the service that speaks the ARM API: each has its word, none harms the job."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from localcloud.app_settings import SECRET_PREFIX
from localcloud.up import LocalCloud

from .cloud import Job
from .conftest import NewJob

pytestmark = pytest.mark.nightly("two stories behind the ARM API are enough")

SECRET = f"{SECRET_PREFIX}-api-secret"
LIFETIME_SECONDS = 6  # of a token: long enough to arrive on a busy machine, short enough to wait for


def vault_readings(cloud: LocalCloud) -> int:
    """How often the client secret was read since the cloud's start."""
    return sum(n for call, n in cloud.identity.calls().items() if call.startswith(f"GET /secrets/{SECRET}/"))


@pytest.fixture
def job(hdinsight_cloud: LocalCloud, new_job: NewJob) -> Job:
    """A job that runs behind the ARM API."""
    made = new_job(hdinsight_cloud)
    made.upload("1")
    assert made.ended(1)["result"]["outcome"] == "SUCCEEDED"
    return made


@pytest.fixture
def rotated(hdinsight_cloud: LocalCloud) -> Iterator[LocalCloud]:
    """A cloud whose client secret is the one that it was made with again afterwards."""
    client = hdinsight_cloud.api_client
    yield hdinsight_cloud
    hdinsight_cloud.identity.register_client(client.id, client.secret)
    hdinsight_cloud.identity.set_secret(SECRET, client.secret)
    hdinsight_cloud.restart_app()


def test_a_rotated_secret_needs_no_restart(job: Job, rotated: LocalCloud) -> None:
    """The old one is refused when its token is over, the vault is read again once, and the action goes on."""
    rotated.identity.set_lifetime(LIFETIME_SECONDS)
    try:
        rotated.restart_app()
        assert job.ask("savepoint")["result"]["outcome"] == "SUCCEEDED"
    finally:
        rotated.identity.set_lifetime(3600)  # our own token for the vault must not be over on its way
    rotated.identity.register_client(rotated.api_client.id, "another-secret")
    rotated.identity.set_secret(SECRET, "another-secret")
    time.sleep(LIFETIME_SECONDS)
    readings = vault_readings(rotated)
    assert job.ask("savepoint")["result"]["outcome"] == "SUCCEEDED"
    assert vault_readings(rotated) > readings


def test_a_wrong_secret_is_named_and_the_job_goes_on(job: Job, rotated: LocalCloud) -> None:
    """The operation says what Entra ID says, without the secret."""
    copies = job.copies()
    rotated.identity.set_secret(SECRET, "a-wrong-secret")
    rotated.restart_app()
    refused = job.ask("stop")["result"]
    assert refused["outcome"] == "REFUSED"
    assert "AADSTS7000215" in refused["message"]
    assert "a-wrong-secret" not in refused["message"]
    assert job.copies() == copies


def test_a_vault_without_the_secret_is_named_and_the_job_goes_on(job: Job, rotated: LocalCloud) -> None:
    """The operation names the secret that is missing."""
    copies = job.copies()
    rotated.restart_app({"KEY_VAULT_SECRET_PREFIX": "no-such-prefix"})
    refused = job.ask("stop")["result"]
    rotated.restart_app({"KEY_VAULT_SECRET_PREFIX": SECRET_PREFIX})
    assert refused["outcome"] == "REFUSED"
    assert "no-such-prefix-" in refused["message"]
    assert job.copies() == copies


def test_a_service_that_is_gone_fails_what_it_did_not_begin(job: Job) -> None:
    """The operation ends with the cause, and the job goes on; when the service is back, so do its actions."""
    copies = job.copies()
    job.cloud.kill_gateway()
    failed = job.ask("savepoint")["result"]
    job.cloud.start_gateway()
    assert failed["outcome"] == "FAILED"
    assert "no connection" in failed["message"]
    assert job.copies() == copies
    assert job.ask("savepoint")["result"]["outcome"] == "SUCCEEDED"
