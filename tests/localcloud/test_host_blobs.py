"""Does a blob event reach its function as it does from Event Grid?"""

import base64
import json
import uuid

import requests

from tests.localcloud.sample import Sample, eventually

QUEUE = "azure-webjobs-blobtrigger-sample"
POISON = "webjobs-blobtrigger-poison"


def post(sample: Sample, blob: str, *, function: str = "arrived", kind: str = "Notification", key: str = "") -> int:
    """Post a BlobCreated event and return the status."""
    event = {"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": sample.jars.get_blob_client(blob).url}}
    query = {"functionName": f"Host.Functions.{function}", "code": key or sample.host.key}
    url = f"{sample.host.url}/runtime/webhooks/blobs"
    return requests.post(url, params=query, json=[event], headers={"aeg-event-type": kind}, timeout=30).status_code


def upload(sample: Sample, content: bytes = b"jar") -> str:
    """Upload a blob that no other test knows and return its name."""
    name = f"stateful/job/{uuid.uuid4()}/v 1.jar"
    sample.jars.upload_blob(name, content)
    return name


def runs(sample: Sample, blob: str) -> int:
    """How often the function ran for a blob."""
    return sum(1 for effect in sample.effects("arrived") if isinstance(effect, dict) and effect["blob"] == blob)


def test_the_handshake_returns_the_code_of_its_caller(sample: Sample) -> None:
    """Promise: a subscription can be made for a blob function that exists, with the key."""
    event = {"data": {"validationCode": "1234"}}
    url = f"{sample.host.url}/runtime/webhooks/blobs?functionName=Host.Functions.arrived&code={sample.host.key}"
    reply = requests.post(url, json=[event], headers={"aeg-event-type": "SubscriptionValidation"}, timeout=30)
    assert (reply.status_code, reply.json()) == (200, {"validationResponse": "1234"})
    assert post(sample, "x", function="nobody") == 400
    assert post(sample, "x", key="wrong") == 401


def test_a_blob_client_names_the_blob_of_the_event(sample: Sample) -> None:
    """Promise: the SDK type is bound to container and name, slashes and blanks included, and reads the content."""
    name = upload(sample, b"content")
    assert post(sample, name) == 202
    assert eventually(lambda: runs(sample, name) == 1)
    assert {"blob": name, "container": "jars", "content": "content"} in sample.effects("arrived")


def test_bytes_are_bound_too(sample: Sample) -> None:
    """Promise: a function without the SDK type gets the content itself."""
    name = f"bytes/{uuid.uuid4()}"
    sample.jars.upload_blob(name, b"content")
    post(sample, name, function="arrived_bytes")
    sample.wait_for("bytes", 1)
    assert {"blob": f"jars/{name}", "content": "content"} in sample.effects("bytes")


def test_an_event_that_comes_twice_runs_twice(sample: Sample) -> None:
    """Promise: as in Azure, nothing is de-duplicated by the host, and an overwritten blob is read as it is now."""
    name = upload(sample, b"old")
    sample.jars.upload_blob(name, b"new", overwrite=True)
    post(sample, name)
    post(sample, name)
    assert eventually(lambda: runs(sample, name) == 2)
    found = [effect for effect in sample.effects("arrived") if isinstance(effect, dict) and effect["blob"] == name]
    assert [effect["content"] for effect in found] == ["new", "new"]


def test_the_event_of_a_blob_that_is_gone_is_dropped(sample: Sample) -> None:
    """Promise: no function runs, and nothing is left in the queue or among the poison."""
    name = upload(sample)
    sample.jars.delete_blob(name)
    assert post(sample, name) == 202
    assert eventually(lambda: sample.waiting(QUEUE) == 0)
    assert (runs(sample, name), sample.waiting(POISON)) == (0, 0)


def test_the_event_of_a_blob_that_always_fails_is_poison_after_five_tries(sample: Sample) -> None:
    """Promise: five runs, then one message that names function and blob."""
    name = upload(sample, b"bad")
    post(sample, name)
    assert eventually(lambda: sample.waiting(POISON) == 1)
    assert runs(sample, name) == 5
    [message] = sample.queue(POISON).receive_messages()
    sample.queue(POISON).delete_message(message)
    told = json.loads(base64.b64decode(message.content))
    assert (told["FunctionId"], told["ContainerName"], told["BlobName"]) == ("Host.Functions.arrived", "jars", name)
