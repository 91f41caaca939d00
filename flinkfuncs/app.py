"""What the app is made of, built at the first call and then kept: provisional until the parts land."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from .core.errors import Unavailable
from .core.names import JobName
from .core.operations import Cause, Operation, Request

if TYPE_CHECKING:  # indexing must not pay for the SDKs behind these
    from .clients.ledger import Ledger
    from .clusters.cluster import Cluster
    from .settings import Settings


class Intake(Protocol):
    def request(self, job: JobName, request: Request, cause: Cause) -> Operation: ...
    def upload(self, container: str, blob_name: str) -> Operation | None: ...
    def periodic_savepoints(self, now: datetime) -> list[Operation]: ...
    def sweep(self, now: datetime) -> None: ...


class Driver(Protocol):
    def drive(self, job: JobName) -> None: ...
    def give_up(self, job: JobName, operation_id: str, cause: str) -> None: ...


@dataclass(frozen=True)
class Services:
    settings: Settings
    ledger: Ledger
    intake: Intake
    driver: Driver
    cluster: Cluster


def services() -> Services:
    raise Unavailable("nothing is composed yet")
