"""What do host.json and the app settings ask of the host?

    AzureFunctionsJobHost__extensions__queues__batchSize=1    an app setting that wins over host.json
    AzureFunctionsWebHost__hostid=app                         the id that leases, status blobs and queues carry
    AzureWebJobsDisableHomepage=true                          the root is the app's, and not the host's own page

Names are compared without case, as the real host does; what is not said has the real host's default.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

_OVERRIDE = "AzureFunctionsJobHost__"

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True)
class QueueOptions:
    """How the messages of a queue are taken, retried and given up."""

    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int
    visibility_seconds: float
    max_polling_seconds: float
    base64: bool


@dataclass(frozen=True)
class HostConfiguration:
    """Everything of host.json that the local host understands."""

    host_id: str
    route_prefix: str
    homepage: bool
    timeout_seconds: float | None
    queues: QueueOptions
    blobs: QueueOptions


def load_settings(path: Path) -> dict[str, str]:
    """App settings from a flat JSON object or from one like local.settings.json."""
    content = cast(dict[str, Json], json.loads(path.read_text()))
    values = content.get("Values", content)
    if not isinstance(values, dict):
        raise ValueError(f"{path}: Values is not an object")
    return {name: str(value) for name, value in values.items()}


def load_configuration(directory: Path, environment: Mapping[str, str]) -> HostConfiguration:
    """Read host.json of an app with the overrides of the environment."""
    content = cast(Json, json.loads((directory / "host.json").read_text()))
    said = dict(_flat(content))
    for name, value in environment.items():
        if name.startswith(_OVERRIDE):
            said[name.removeprefix(_OVERRIDE).replace("__", ":").lower()] = value
    return HostConfiguration(
        host_id=environment.get("AzureFunctionsWebHost__hostid") or said.get("id") or directory.name.lower(),
        route_prefix=said.get("extensions:http:routeprefix", "api"),
        homepage=environment.get("AzureWebJobsDisableHomepage", "").lower() != "true",
        timeout_seconds=_timeout(said.get("functiontimeout", "00:30:00")),
        queues=_queue_options(said),
        blobs=_blob_options(said),
    )


def span_seconds(text: str) -> float:
    """The seconds of a TimeSpan: hh:mm:ss with or without days before (1.00:00:00) and a fraction after."""
    days, dot, rest = text.partition(".")
    if not dot or ":" in days:
        days, rest = "0", text
    hours, minutes, seconds = rest.split(":")
    return int(days) * 86_400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _timeout(text: str) -> float | None:
    return None if text == "-1" else span_seconds(text)


def _queue_options(said: Mapping[str, str]) -> QueueOptions:
    def option(name: str, default: str) -> str:
        return said.get(f"extensions:queues:{name}", default)

    batch_size = int(option("batchsize", "16"))
    half = batch_size // 2 * (os.cpu_count() or 1)
    return QueueOptions(
        batch_size=batch_size,
        new_batch_threshold=int(option("newbatchthreshold", str(half))),
        max_dequeue_count=int(option("maxdequeuecount", "5")),
        visibility_seconds=span_seconds(option("visibilitytimeout", "00:00:00")),
        max_polling_seconds=span_seconds(option("maxpollinginterval", "00:01:00")),
        base64=option("messageencoding", "base64").lower() == "base64",
    )


def _blob_options(said: Mapping[str, str]) -> QueueOptions:
    parallel = int(said.get("extensions:blobs:maxdegreeofparallelism", str(8 * (os.cpu_count() or 1))))
    return QueueOptions(
        batch_size=min(parallel, 32),
        new_batch_threshold=parallel // 2,
        max_dequeue_count=int(said.get("extensions:blobs:poisonblobthreshold", "5")),
        visibility_seconds=0,
        max_polling_seconds=60,
        base64=True,
    )


def _flat(content: Json, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(content, dict):
        for name, value in content.items():
            yield from _flat(value, f"{prefix}:{name.lower()}" if prefix else name.lower())
    elif content is not None:
        yield prefix, str(content)
