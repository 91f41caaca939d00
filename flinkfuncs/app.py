"""What the app is made of, built at the first call and then kept: provisional until the parts land."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .core.errors import Unavailable

if TYPE_CHECKING:  # indexing must not pay for the SDKs behind these
    from .clients.ledger import Ledger
    from .clusters.cluster import Cluster
    from .intake import Intake
    from .operations import Driver
    from .settings import Settings


@dataclass(frozen=True)
class Services:
    settings: Settings
    ledger: Ledger
    intake: Intake
    driver: Driver
    cluster: Cluster


def services() -> Services:
    raise Unavailable("nothing is composed yet")
