"""When does a timer's function run, and where?

    on one host       a lease in azure-webjobs-hosts, below the host id; renewed, taken over when it runs out
    at its times      NCRONTAB, six fields, seconds first, UTC
    once, if late     a time that passed while no host ran is made up for once, marked as past due

A schedule with less than a minute between two runs keeps no status, as in the real host: nothing is made up for then.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobLeaseClient
from croniter import croniter

from localcloud.functions import storage
from localcloud.functions.invocations import Invocations
from localcloud.functions.messages import TypedData, structured
from localcloud.functions.worker import Function

log = logging.getLogger("host")

LEASE_SECONDS = 15  # the shortest that storage gives; the real host asks for 60
RENEW_SECONDS = LEASE_SECONDS / 2


@dataclass(frozen=True)
class Schedule:
    """A parsed NCRONTAB expression."""

    expression: str

    def __post_init__(self) -> None:
        if len(self.expression.split()) != 6:
            raise ValueError(f"'{self.expression}' is no NCRONTAB expression of six fields")
        self.after(datetime.now(UTC))

    def after(self, moment: datetime) -> datetime:
        """The next time of the schedule."""
        found = croniter(self.expression, moment, second_at_beginning=True).get_next(datetime)
        return cast(datetime, found)

    @property
    def monitored(self) -> bool:
        """Whether a missed run is made up for."""
        first = self.after(datetime.now(UTC))
        return (self.after(first) - first).total_seconds() >= 60


class TimerListener:
    """Runs one function at its times, on whichever host holds the lease."""

    def __init__(self, function: Function, schedule: Schedule, host_id: str, invocations: Invocations) -> None:
        self._function = function
        self._schedule = schedule
        self._invocations = invocations
        self._names = f"{host_id}/Host.Functions.{function.name}"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, name=f"timer-{function.name}", daemon=True)

    def start(self) -> None:
        """Begin to compete for the lease."""
        self._thread.start()

    def stop(self) -> None:
        """Run no more; a run under way goes on."""
        self._stopping.set()

    def wait(self, timeout_seconds: float) -> bool:
        """After `stop`: wait for the run under way and the lease's release."""
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def run_now(self) -> None:
        """Run once, out of turn."""
        self._invocations.start(self._function, {self._function.trigger.name: _payload(None, late=False)})

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                self._hold_lease()
            except AzureError as error:
                log.warning("Timer '%s' lost its lease or storage: %s", self._function.name, str(error).split("\n")[0])
            self._stopping.wait(1)

    def _hold_lease(self) -> None:
        container = storage.host_container()
        lock = container.get_blob_client(f"locks/{self._names}.Listener")
        with suppress(HttpResponseError):  # it is there, and perhaps leased
            lock.upload_blob(b"", overwrite=False)
        try:
            lease = lock.acquire_lease(LEASE_SECONDS)
        except HttpResponseError:
            return  # another host has it
        try:
            self._keep_time(container.get_blob_client(f"timers/{self._names}/status"), _renewing(lease))
        finally:
            with suppress(HttpResponseError):
                lease.release()

    def _keep_time(self, status: BlobClient, renew: Callable[[], None]) -> None:
        last = _read(status) if self._schedule.monitored else None
        late = last is not None and datetime.fromisoformat(last["Next"]) < datetime.now(UTC)
        due = datetime.now(UTC) if late else self._schedule.after(datetime.now(UTC))
        while not self._stopping.wait(_seconds_to_wait(due)):
            renew()
            if datetime.now(UTC) < due:
                continue
            self._run(last, late=late, renew=renew)
            following = self._schedule.after(max(due, datetime.now(UTC)))
            last, late, due = self._write(status, due, following), False, following

    def _run(self, last: dict[str, str] | None, *, late: bool, renew: Callable[[], None]) -> None:
        retries = self._function.retries
        for attempt in range(retries.count + 1):
            inputs = {self._function.trigger.name: _payload(last, late=late)}
            running = self._invocations.start(self._function, inputs, attempt=attempt)
            while wait([running], RENEW_SECONDS).not_done:
                renew()
            if running.result().ok or self._stopping.wait(retries.delay_seconds):
                return

    def _write(self, status: BlobClient, last: datetime, following: datetime) -> dict[str, str] | None:
        if not self._schedule.monitored:
            return None
        content = {
            "Last": last.isoformat(),
            "Next": following.isoformat(),
            "LastUpdated": datetime.now(UTC).isoformat(),
        }
        status.upload_blob(json.dumps(content), overwrite=True)
        return content


def _seconds_to_wait(due: datetime) -> float:
    return min(max((due - datetime.now(UTC)).total_seconds(), 0.0), RENEW_SECONDS)


def _read(status: BlobClient) -> dict[str, str] | None:
    try:
        return cast(dict[str, str], json.loads(status.download_blob().readall()))
    except ResourceNotFoundError:
        return None


def _payload(last: dict[str, str] | None, *, late: bool) -> TypedData:
    return structured({"Schedule": {"AdjustForDST": True}, "ScheduleStatus": last, "IsPastDue": late})


def _renewing(lease: BlobLeaseClient) -> Callable[[], None]:
    renewed = time.monotonic()

    def renew() -> None:
        nonlocal renewed
        if time.monotonic() - renewed >= RENEW_SECONDS:
            lease.renew()
            renewed = time.monotonic()

    return renew
