"""Is a session cluster fit for what the app asks of it? The health report says so before anybody needs it.

    Flink's option, or what it answers                finding  what does not work there
    ------------------------------------------------  -------  -------------------------------------------------------
    web.submit.enable off, or no session cluster      fault    whatever starts a copy: there are no routes for jars
    a version below 1.17                              fault    the proof of a start: no checkpoint can be asked for
    no version                                        fault    a start: its request differs from version to version
    a version above 2.x                               warning  not known: the app was never tried on it
    no checkpoint directory, checkpoints in memory    warning  LAST_STATE_UPDATE; a failed or lost copy leaves no state
    a `file:` directory, TaskManagers on several      warning  a restore, unless all hosts mount the same directory
    hosts
    heartbeat.timeout below 10 s                      warning  a savepoint, where a host pauses for longer than that
    checkpoint retention off                          warning  LAST_STATE_UPDATE of a job that this app did not start
    cluster.intercept-user-system-exit not THROW      warning  the check of a release, or its safety

A release's own flinkConfiguration may set another checkpoint directory; the options here are those of the cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..clients.flink import NO_WEB_SUBMISSION
from ..clients.flink_wire import ClusterConfig, seconds
from ..core.names import Directory
from ..core.session.verdicts import unguarded
from .cluster import Findings
from .program import RETAINED, RETENTION

OLDEST, NEWEST_MAJOR = (1, 17), 2
# The later spelling first: Flink renamed its options in 1.20, and takes both.
CHECKPOINT_DIRECTORY = ("execution.checkpointing.dir", "state.checkpoints.dir")
CHECKPOINT_STORAGE = ("execution.checkpointing.storage", "state.checkpoint-storage")
LEAST_HEARTBEAT_SECONDS = 10.0


@dataclass(frozen=True)
class ClusterFacts:
    """What a cluster says of itself; `hosts` are those of its TaskManagers."""

    about: ClusterConfig
    configuration: Mapping[str, str]
    hosts: frozenset[str]


def judged(facts: ClusterFacts, *, savepoint_root: Directory, allow_unguarded: bool) -> Findings:
    """Name what will not work, each with Flink's option."""
    options = facts.configuration
    unsupported, untried = _version(facts.about)
    return Findings(
        faults=(*([] if facts.about.features.web_submit else [NO_WEB_SUBMISSION]), *unsupported),
        warnings=(
            *untried,
            *_state(facts, savepoint_root),
            *_heartbeat(options.get("heartbeat.timeout")),
            *_retention(options.get(RETENTION)),
            *unguarded(options, allowed=allow_unguarded),
        ),
    )


def _version(about: ClusterConfig) -> tuple[list[str], list[str]]:
    """Return what is wrong with the version as a fault, or as a warning."""
    text, version = about.flink_version[:32], about.version
    if version is None:
        return [f"flink-version: {text!r} is not a version, so no start can be worded and no update begins"], []
    if version < OLDEST:
        return [f"flink-version: {text} is older than 1.17, which takes no checkpoint on request to prove a start"], []
    newer = version[0] > NEWEST_MAJOR
    return [], [f"flink-version: {text} is newer than 2.x; this app was never tried on it"] if newer else []


def _state(facts: ClusterFacts, savepoint_root: Directory) -> list[str]:
    """Warn of checkpoints and savepoints that cannot be restored."""
    options = facts.configuration
    places = {"SAVEPOINT_DIRECTORY": str(savepoint_root)} | _set(options, CHECKPOINT_DIRECTORY)
    in_memory = [key for key, value in _set(options, CHECKPOINT_STORAGE).items() if value.lower() == "jobmanager"]
    unset = [] if _set(options, CHECKPOINT_DIRECTORY) else [" or ".join(CHECKPOINT_DIRECTORY)]
    said = [
        f"{option}: checkpoints are kept in the JobManager's memory unless a release says otherwise, so neither "
        "LAST_STATE_UPDATE nor a job that failed or was lost has a state to go on from"
        for option in ([f"{key} is jobmanager" for key in in_memory] or [f"{key} is not set" for key in unset])
    ]
    if len(facts.hosts) < 2:
        return said
    return said + [
        f"{option}: a directory on a local disk, and TaskManagers run on {len(facts.hosts)} hosts: no state there can "
        "be restored unless all of them and the JobManager mount the same directory"
        for option, place in places.items()
        if _is_local(place, options)
    ]


def _heartbeat(timeout: str | None) -> list[str]:
    if seconds(timeout, LEAST_HEARTBEAT_SECONDS) >= LEAST_HEARTBEAT_SECONDS:
        return []
    return [
        f"heartbeat.timeout: {timeout}, below {LEAST_HEARTBEAT_SECONDS:.0f} s: a host that pauses for longer during a "
        "savepoint is taken for lost, and the savepoint or the stop fails"
    ]


def _retention(value: str | None) -> list[str]:
    if (value or "").strip().upper() == RETAINED:
        return []
    return [
        f"{RETENTION}: not {RETAINED} on the cluster: a job that this app adopted and did not start leaves no "
        "checkpoint when it is cancelled, so LAST_STATE_UPDATE refuses it"
    ]


def _set(configuration: Mapping[str, str], keys: tuple[str, ...]) -> dict[str, str]:
    """Return the spelling of an option that counts, with its value; nothing where it is not set."""
    return next(({key: value.strip()} for key in keys if (value := configuration.get(key))), {})


def _is_local(place: str, configuration: Mapping[str, str]) -> bool:
    """Whether a directory is on the disk of whoever writes there; so is a plain path without a default scheme."""
    default = configuration.get("fs.default-scheme", "file:")
    return place.startswith("file:") or (place.startswith("/") and default.startswith("file:"))
