"""An ARM client at a local server, with tokens that are counted."""

from __future__ import annotations

from collections.abc import Callable

from flinkfuncs.clients.arm import ArmClient
from flinkfuncs.settings import Settings
from tests.wire.server import LocalServer

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


def settings(url: str, **more: object) -> Settings:
    """The settings of the cluster in the recordings, behind a local URL."""
    given = {
        "flink_cluster_kind": "hdinsight",
        "arm_base_url": url,
        "cluster_subscription_id": SUBSCRIPTION,
        "cluster_resource_group": "Group",
        "cluster_pool": "ps-test-pool",
        "cluster_name": "flinkcluster",
        "job_jar_directory": "abfs://flinkjob@hilosa.dfs.core.windows.net/jars",
    }
    return Settings.model_validate(given | more)


class CountedTokens:
    """A source of tokens without Entra: `token-1` until it is refused, then `token-2`."""

    def __init__(self) -> None:
        """Begin with the first one."""
        self.number = 1

    def token(self) -> str:
        """Return the current one."""
        return f"token-{self.number}"

    def renewed(self, refused: str) -> str:
        """Return the one after the refused."""
        assert refused == self.token()
        self.number += 1
        return self.token()


class Clock:
    """A clock that is moved by hand (seconds)."""

    def __init__(self) -> None:
        """Begin at some time."""
        self.now = 1000.0

    def __call__(self) -> float:
        """Return what it shows."""
        return self.now


def client(server: LocalServer, clock: Callable[[], float] | None = None, **more: object) -> ArmClient:
    """A client that does not wait long."""
    return ArmClient(settings(server.url, **more), CountedTokens(), read_seconds=0.3, clock=clock or Clock())
