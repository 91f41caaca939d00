"""Does an upload reach the function that takes it? Names of functions, folders, containers and queues agree."""

from __future__ import annotations

import pytest
from azure.functions.decorators.blob import BlobTrigger
from azure.functions.decorators.queue import QueueTrigger

from flinkfuncs.settings import Settings
from tests.functions import functions
from tests.infra.bicep import resource, shown, templates, variable

PROPERTIES = resource("Microsoft.EventGrid/systemTopics/eventSubscriptions").properties
QUEUES = "Microsoft.Storage/storageAccounts/queueServices/queues"
CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"


def blob_triggers() -> dict[str, BlobTrigger]:
    """Every function that takes a blob."""
    found = {str(function.get_function_name()): function.get_trigger() for function in functions()}
    return {name: trigger for name, trigger in found.items() if isinstance(trigger, BlobTrigger)}


def test_each_folder_is_sent_to_its_function_and_nothing_else_is() -> None:
    """What the trigger's path begins with is what the subscription's subject begins with."""
    folders = {folder["function"]: folder["name"] for folder in variable("events.bicep", "folders")}
    triggers = blob_triggers()
    assert set(folders) == set(triggers)
    for name, folder in folders.items():
        assert triggers[name].path == f"%JARS_CONTAINER%/{folder}/{{job}}/{{name}}"
    assert PROPERTIES["filter"]["subjectBeginsWith"] == (
        "/blobServices/default/containers/${jarsContainer}/blobs/${folder.name}/"
    )


def test_the_webhook_is_the_hosts_own() -> None:
    """With the key of the blob extension, which the code's first start makes."""
    destination = PROPERTIES["destination"]
    assert destination["endpointType"] == "WebHook"
    assert destination["properties"]["endpointUrl"] == (
        "${webhook}?functionName=Host.Functions.${folder.function}&code=${key}"
    )
    assert variable("events.bicep", "webhook") == "https://${app.properties.defaultHostName}/runtime/webhooks/blobs"
    assert shown(variable("events.bicep", "key")) == (
        "list_func(listKeys, ${app.id}/host/default, 2024-04-01).systemKeys.blobs_extension"
    )


def test_a_blob_is_announced_when_it_is_whole() -> None:
    """An account with directories tells of the empty file as well (CreateFile); that is no upload."""
    assert PROPERTIES["filter"]["includedEventTypes"] == ["Microsoft.Storage.BlobCreated"]
    assert PROPERTIES["filter"]["advancedFilters"] == [
        {
            "operatorType": "StringIn",
            "key": "data.api",
            "values": ["PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose"],
        }
    ]


def test_an_event_that_nobody_takes_is_kept() -> None:
    """Tried for a day, then written down, with the topic's identity and no key."""
    assert PROPERTIES["retryPolicy"] == {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}
    letters = PROPERTIES["deadLetterWithResourceIdentity"]
    assert letters["identity"] == {"type": "SystemAssigned"}
    assert resource("Microsoft.EventGrid/systemTopics").config["identity"] == {"type": "SystemAssigned"}
    assert letters["deadLetterDestination"]["endpointType"] == "StorageBlob"
    assert letters["deadLetterDestination"]["properties"]["blobContainerName"] == "deadLettersContainer"
    assert variable("events.bicep", "deadLettersContainer") == variable("storage.bicep", "deadLettersContainer")


def test_the_topic_is_that_of_the_account_of_jars() -> None:
    """And not of the host's, whose blobs change every few seconds."""
    topic = resource("Microsoft.EventGrid/systemTopics").properties
    assert shown(topic["source"]) == "jars.id"
    assert topic["topicType"] == "Microsoft.Storage.StorageAccounts"


@pytest.mark.parametrize(
    "place", ["jars_container", "releases_container", "ledger_container", "operations_queue", "messages_queue"]
)
def test_what_the_settings_name_is_created(place: str) -> None:
    """Under the code's default name, and from the same variable that fills the setting."""
    head, _, tail = place.partition("_")
    name = head + tail.title()
    assert variable("main.bicep", name) == Settings.model_fields[place].default
    assert shown(variable("main.bicep", "settings")[place.upper()]) == name
    assert shown(templates()["main.bicep"]["modules"]["storage"]["config"]["params"][name]) == name


def test_all_containers_and_queues_are_these() -> None:
    """With the queues into which the host puts what it gives up: its names, not ours."""
    assert variable("storage.bicep", "containers") == [
        "jarsContainer",
        "releasesContainer",
        "ledgerContainer",
        "deadLettersContainer",
    ]
    assert variable("storage.bicep", "queues") == [
        "operationsQueue",
        "${operationsQueue}-poison",
        "messagesQueue",
        "${messagesQueue}-poison",
        "webjobs-blobtrigger-poison",
    ]
    assert (resource(CONTAINERS, "container").loop, resource(QUEUES).loop) == ("containers", "queues")
    assert shown(resource(CONTAINERS, "container").config["parent"]) == "jarsBlobs"
    assert shown(resource(QUEUES).config["parent"]) == "jarsQueues"


def test_messages_and_uploads_come_over_the_connection_that_the_templates_make() -> None:
    """One connection, `JARS`, and no other name."""
    triggers = [function.get_trigger() for function in functions()]
    stored = [trigger for trigger in triggers if isinstance(trigger, BlobTrigger | QueueTrigger)]
    assert {trigger.connection for trigger in stored} == {"JARS"}
    assert {trigger.queue_name for trigger in stored if isinstance(trigger, QueueTrigger)} == {"%OPERATIONS_QUEUE%"}
