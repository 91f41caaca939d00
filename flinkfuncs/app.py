"""What the app is made of, put together at the first call and then kept: the composition root.

Everything is imported where it is built: a cold start pays for the kind of cluster that it serves, and no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

    from .clients.flink import Flink
    from .clients.jars import Jars, Place
    from .clients.ledger import Ledger
    from .clients.queue import OperationsQueue
    from .clients.savepoint_store import SavepointStore
    from .clusters.cluster import Cluster
    from .clusters.keeper import Keeper
    from .control import Control
    from .core.names import Directory
    from .housekeeping import Housekeeper
    from .intake import Intake
    from .messages import Messages
    from .operations import Driver
    from .periodic import PeriodicSavepoints
    from .planning import Planner
    from .releases import Releases
    from .settings import Settings
    from .uploading import Uploader


@dataclass(frozen=True)
class Services:
    """The parts that triggers talk to."""

    settings: Settings
    ledger: Ledger
    intake: Intake
    control: Control
    planner: Planner
    uploader: Uploader
    driver: Driver
    cluster: Cluster
    periodic: PeriodicSavepoints
    releases: Releases
    housekeeper: Housekeeper | None  # of a session cluster
    messages: Messages | None  # where NOTIFY_URL names somebody


_given: ContextVar[Services | None] = ContextVar("given", default=None)


def services() -> Services:
    """Return the app as its environment describes it, or what was `given` instead.

    Raises:
        Unavailable: a setting is missing or wrong; the message names it.

    """
    return _given.get() or _from_environment()


@contextmanager
def given(app: Services) -> Iterator[None]:
    """Have the triggers work with these services in a block: a composition of the caller's own."""
    token = _given.set(app)
    try:
        yield
    finally:
        _given.reset(token)


@lru_cache(maxsize=1)
def _from_environment() -> Services:
    """Build the app once; a failure is not kept, so the next call tries again."""
    from .settings import read_settings

    return compose(read_settings())


def compose(settings: Settings) -> Services:
    """Build the app from settings.

    Raises:
        Unavailable: a setting that this kind of cluster needs is missing.

    """
    from datetime import timedelta

    from .clients.queue import OperationsQueue
    from .clients.storage import queue_service
    from .control import Control
    from .core.periodic import Rhythm
    from .core.release_retention import ReleasePolicy
    from .intake import Intake
    from .messages import NO_MESSAGES
    from .operations import Driver, Patience
    from .periodic import PeriodicSavepoints
    from .planning import Planner
    from .releases import Releases
    from .uploading import Uploader

    jars = _jars(settings)
    cluster = _cluster(settings, jars)
    ledger = _ledger(settings, cluster.key)
    queue = OperationsQueue(queue_service("JARS"), settings.operations_queue)
    patience = Patience(
        lease_seconds=settings.lease_seconds,
        invocation_seconds=settings.invocation_seconds,
        unreachable_seconds=settings.unreachable_seconds,
    )
    messages = _messages(settings, ledger, cluster.key) if settings.notifies else None
    told = messages or NO_MESSAGES
    rhythm = Rhythm(timedelta(seconds=settings.savepoint_interval_seconds), settings.savepoints_at_once)
    intake = Intake(ledger, queue, jars, cluster, told)
    kept = ReleasePolicy(settings.release_retention_count, settings.release_retention_days)
    return Services(
        settings=settings,
        ledger=ledger,
        intake=intake,
        control=Control(ledger, queue, told),
        planner=Planner(ledger, jars, cluster, intake),
        uploader=Uploader(jars, container=settings.jars_container),
        driver=Driver(ledger, queue, cluster, patience, messages=told),
        cluster=cluster,
        periodic=PeriodicSavepoints(ledger, queue, cluster, rhythm, told),
        releases=Releases(ledger, jars, kept),
        housekeeper=_housekeeper(settings, ledger, queue),
        messages=messages,
    )


def _ledger(settings: Settings, key: str) -> Ledger:
    from .clients.ledger import Ledger
    from .clients.storage import blob_service

    return Ledger(blob_service("JARS").get_container_client(settings.ledger_container), key)


def _messages(settings: Settings, ledger: Ledger, key: str) -> Messages:
    from datetime import timedelta

    from .clients.outbox import Outbox
    from .clients.queue import MessagesQueue
    from .clients.receiver import Receiver
    from .clients.storage import blob_service, queue_service
    from .core.messages import wanted_words
    from .messages import Messages

    return Messages(
        ledger,
        Outbox(blob_service("JARS").get_container_client(settings.ledger_container), key),
        MessagesQueue(queue_service("JARS"), settings.messages_queue),
        Receiver(settings, f"/flinkfuncs/{key}"),
        wanted_words(settings.notify_on),
        overdue_after=timedelta(seconds=2 * settings.savepoint_interval_seconds),
    )


def _jars(settings: Settings) -> Jars:
    from .clients.jars import Jars
    from .clients.storage import blob_service

    ours = blob_service("JARS")
    places: dict[Place, ContainerClient] = {"uploads": ours.get_container_client(settings.jars_container)}
    roots = [(root, blob_service(name).get_container_client(root.container)) for name, root in settings.jar_roots]
    if settings.job_jar_directory:
        places["directory"] = roots.pop(0)[1]
    return Jars(places, ours.get_container_client(settings.releases_container), roots)


def _cluster(settings: Settings, jars: Jars) -> Cluster:
    from functools import partial

    from .clusters.keeper import keep_release

    keeper = partial(keep_release, jars)
    if settings.flink_cluster_kind == "session":
        return _session(settings, jars, keeper)
    return _hdinsight(settings, jars, keeper)


def _hdinsight(settings: Settings, jars: Jars, keeper: Keeper) -> Cluster:
    from .clients.arm import ArmClient
    from .clients.credential import Credential
    from .clusters.hdinsight import HDInsightCluster

    return HDInsightCluster(settings, ArmClient(settings, Credential(settings)), jars, keeper)


def _session(settings: Settings, jars: Jars, keeper: Keeper) -> Cluster:
    from .clusters.session import SessionCluster
    from .core.names import Directory
    from .core.session.ends import Limits

    settings.require("flink_rest_url", "savepoint_directory")
    limits = Limits(
        savepoint_root=Directory.parse(settings.savepoint_directory),
        other_roots=_other_roots(settings),
        start_seconds=settings.start_deadline_seconds,
        stop_seconds=settings.stop_deadline_seconds,
        settle_seconds=settings.settle_seconds,
        repeat_seconds=2 * settings.call_timeout_seconds,
        hold_after_rollback=settings.hold_after_rollback,
    )
    return SessionCluster(
        _flink(settings),
        jars,
        keeper,
        limits,
        name=settings.cluster_name,
        owner_of=_ledger(settings, settings.cluster_name.lower()).owner_of,
        store=_savepoint_store(settings),
        allow_unguarded_main=settings.allow_unguarded_main,
        require_slots=settings.require_slots,
    )


def _flink(settings: Settings) -> Flink:
    from .clients.flink import Flink
    from .clients.flink_access import FlinkAccess

    seconds = settings.call_timeout_seconds
    return Flink(settings.flink_rest_url, call_seconds=seconds, access=FlinkAccess(settings, read_seconds=seconds))


def _housekeeper(settings: Settings, ledger: Ledger, queue: OperationsQueue) -> Housekeeper | None:
    """Only a session cluster can be kept in order: the ARM API disposes of nothing."""
    from .clusters.upkeep import SessionUpkeep
    from .core.names import Directory
    from .core.retention import Policy
    from .housekeeping import Housekeeper

    if settings.flink_cluster_kind != "session":
        return None
    root = Directory.parse(settings.savepoint_directory)
    policy = Policy(settings.savepoint_retention_count, settings.savepoint_retention_days, root, _other_roots(settings))
    upkeep = SessionUpkeep(_flink(settings), patience_seconds=settings.lease_seconds / 4)
    store = _savepoint_store(settings)
    return Housekeeper(ledger, queue, upkeep, policy, store, lease_seconds=settings.lease_seconds)


def _other_roots(settings: Settings) -> tuple[Directory, ...]:
    return tuple(root for _, root in settings.savepoint_roots[1:])


def _savepoint_store(settings: Settings) -> SavepointStore | None:
    from .clients.savepoint_store import SavepointPlaces

    stores = [(root, _store_of(connection, root)) for connection, root in settings.savepoint_roots if connection]
    if not stores:
        return None
    return SavepointPlaces(stores) if len(settings.savepoint_roots) > 1 else stores[0][1]


def _store_of(connection: str, root: Directory) -> SavepointStore:
    from .clients.savepoint_store import BlobSavepoints, LocalSavepoints
    from .clients.storage import blob_service

    if connection == "local":
        return LocalSavepoints()
    return BlobSavepoints(blob_service(connection).get_container_client(root.container))
