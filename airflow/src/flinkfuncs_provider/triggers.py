"""What waits in the triggerer: for an operation's end, for a job's state, and for updates that anybody made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_3_PLUS
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from . import client as api
from .client import AsyncClient, Json, outcome_of
from .exceptions import FlinkFuncsDenied, FlinkFuncsRefused, FlinkFuncsUnavailable
from .hooks import DEFAULT, FlinkFuncsHook
from .job_state import Wanted
from .summary import message_of, summary, time_of

PAGE = 50  # closed operations that a look at a job's history reads


class FlinkOperationTrigger(BaseTrigger):
    """Fires when an operation has ended, or at `until` (seconds since 1970).

    A triggerer that is restarted makes it again from its arguments and looks again: nothing is kept, and nothing is
    sent but looks.

    :param on_kill: `withdraw` ends the operation, if it has not begun, where a person marks or clears the task. From
        Airflow 3.3 on the triggerer says so; before, the trigger looks whether its task still waits for it.
    """

    def __init__(
        self,
        operation: str,
        *,
        until: float,
        flinkfuncs_conn_id: str = DEFAULT,
        poll_interval: float = 30,
        on_kill: str = "leave",
    ) -> None:
        """Keep what to wait for."""
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow ships it so
        self.operation = operation
        self.until = until
        self.flinkfuncs_conn_id = flinkfuncs_conn_id
        self.poll_interval = poll_interval
        self.on_kill_action = on_kill
        self._over = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow stores: no key, and no URL."""
        return (
            "flinkfuncs_provider.triggers.FlinkOperationTrigger",
            {
                "operation": self.operation,
                "until": self.until,
                "flinkfuncs_conn_id": self.flinkfuncs_conn_id,
                "poll_interval": self.poll_interval,
                "on_kill": self.on_kill_action,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire once."""
        client = FlinkFuncsHook(self.flinkfuncs_conn_id).async_client()
        try:
            operation = await client.run(api.follow(self.operation, until=self.until, every=self.poll_interval))
        except (FlinkFuncsDenied, FlinkFuncsRefused) as error:
            event = {"status": "error", "id": self.operation, "message": str(error)}
        else:
            event = self._seen(operation)
        finally:
            await client.close()
        self._over = True
        yield TriggerEvent(event)

    def _seen(self, operation: Json | None) -> dict[str, Any]:
        if operation is None:
            return {"status": "open", "id": self.operation}
        return {
            "status": "ended",
            "id": self.operation,
            "operation": summary(operation),
            "message": message_of(operation),
        }

    async def on_kill(self) -> None:
        """Withdraw, if that is wanted (Airflow 3.3 and later call it where a person acted on the task)."""
        if self._over or self.on_kill_action != "withdraw":
            return
        client = FlinkFuncsHook(self.flinkfuncs_conn_id).async_client()
        try:
            self.log.info(await client.run(api.withdraw(self.operation, "the Airflow task that waited was ended")))
        finally:
            await client.close()

    async def cleanup(self) -> None:
        """Do the same before Airflow 3.3, which does not say whether a person or the triggerer's end is the reason."""
        wanted = self.on_kill_action == "withdraw" and not self._over and not AIRFLOW_V_3_3_PLUS
        if wanted and await self._task_state() != "deferred":
            await self.on_kill()
        await super().cleanup()

    async def _task_state(self) -> str:
        ti: Any = self.task_instance
        if not AIRFLOW_V_3_0_PLUS:
            return str(await sync_to_async(_state_in_database)(ti.dag_id, ti.task_id, ti.run_id, ti.map_index))
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415 - not in Airflow 2

        states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
            dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
        )
        name = f"{ti.task_id}_{ti.map_index}" if ti.map_index >= 0 else ti.task_id
        return str(states.get(ti.run_id, {}).get(name, "deferred"))


def _state_in_database(dag_id: str, task_id: str, run_id: str, map_index: int) -> str:
    """Return a task's state (Airflow 2, whose triggerer may read the database)."""
    from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415 - as above
    from airflow.utils.session import create_session  # noqa: PLC0415 - as above

    with create_session() as session:
        found = session.get(TaskInstance, (dag_id, task_id, run_id, map_index))
        return str(found.state) if found else "removed"


class FlinkJobTrigger(BaseTrigger):
    """Fires when a job is as it is wanted, or at `until`; see FlinkJobSensor."""

    def __init__(
        self,
        job: str,
        *,
        until: float,
        statuses: Sequence[str] = (),
        failed_statuses: Sequence[str] = (),
        savepoint_seconds: float | None = None,
        flinkfuncs_conn_id: str = DEFAULT,
        poll_interval: float = 60,
    ) -> None:
        """Keep what to wait for."""
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow ships it so
        self.job = job
        self.until = until
        self.statuses, self.failed_statuses = tuple(statuses), tuple(failed_statuses)
        self.savepoint_seconds = savepoint_seconds
        self.flinkfuncs_conn_id = flinkfuncs_conn_id
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow stores."""
        return (
            "flinkfuncs_provider.triggers.FlinkJobTrigger",
            {
                "job": self.job,
                "until": self.until,
                "statuses": list(self.statuses),
                "failed_statuses": list(self.failed_statuses),
                "savepoint_seconds": self.savepoint_seconds,
                "flinkfuncs_conn_id": self.flinkfuncs_conn_id,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until it is so."""
        wanted = Wanted(self.statuses, self.failed_statuses, self.savepoint_seconds)
        client = FlinkFuncsHook(self.flinkfuncs_conn_id).async_client()
        try:
            event = await self._look(client, wanted)
        finally:
            await client.close()
        yield TriggerEvent(event)

    async def _look(self, client: AsyncClient, wanted: Wanted) -> dict[str, Any]:
        while True:
            try:
                seen = await client.run(wanted.look(self.job))
            except FlinkFuncsUnavailable as error:
                self.log.warning("%s; still waiting for job %s", error, self.job)
            except (FlinkFuncsDenied, FlinkFuncsRefused) as error:
                return {"status": "error", "message": str(error)}
            else:
                if seen.failed or seen.reached:
                    return {"status": "failed" if seen.failed else "reached", "message": seen.words}
            if time.time() >= self.until:
                return {"status": "open", "message": f"job {self.job} is not as wanted"}
            await asyncio.sleep(self.poll_interval)


class FlinkUpdateTrigger(BaseEventTrigger):
    """Fires for each operation of a job that ends. An AssetWatcher (Airflow 3) starts a DAG with it.

    Whoever asked for it: an upload, a pipeline, a person, another DAG. The event's payload is the summary of the
    operation, as FlinkJobOperator returns it.

    What had ended before the first look is not reported, and so nothing that ended while no triggerer ran. To have
    that, say `look_back`; a restart then reports it again, and the payload's `operation` tells what is known.

    :param job: the job's name
    :param actions: which actions count, as UPDATE; none: all
    :param outcomes: which outcomes count
    :param look_back: seconds before the first look
    """

    def __init__(
        self,
        job: str,
        *,
        actions: Sequence[str] = ("UPDATE", "STATELESS_UPDATE", "LAST_STATE_UPDATE"),
        outcomes: Sequence[str] = ("SUCCEEDED",),
        look_back: float = 0,
        flinkfuncs_conn_id: str = DEFAULT,
        poll_interval: float = 30,
    ) -> None:
        """Keep what to look for."""
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow ships it so
        self.job = job
        self.actions, self.outcomes = tuple(actions), tuple(outcomes)
        self.look_back = look_back
        self.flinkfuncs_conn_id = flinkfuncs_conn_id
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow stores."""
        return (
            "flinkfuncs_provider.triggers.FlinkUpdateTrigger",
            {
                "job": self.job,
                "actions": list(self.actions),
                "outcomes": list(self.outcomes),
                "look_back": self.look_back,
                "flinkfuncs_conn_id": self.flinkfuncs_conn_id,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look for ever."""
        client = FlinkFuncsHook(self.flinkfuncs_conn_id).async_client()
        since, known = time.time() - self.look_back, frozenset[str]()
        try:
            while True:
                closed = await self._closed(client)
                for operation in reversed(closed):
                    if operation["id"] not in known and _ended_at(operation) >= since and self._counts(operation):
                        yield TriggerEvent(summary(operation))
                known = frozenset(operation["id"] for operation in closed) or known
                await asyncio.sleep(self.poll_interval)
        finally:
            await client.close()

    async def _closed(self, client: AsyncClient) -> list[Json]:
        """Return the newest closed operations; where the app does not say, none."""
        path = f"/api/operations?job={self.job}&state=closed&top={PAGE}"
        try:
            return list((await client.run(api.get(path))).get("operations", []))
        except (FlinkFuncsUnavailable, FlinkFuncsDenied, FlinkFuncsRefused) as error:
            self.log.warning("The operations of %s cannot be seen: %s", self.job, error)
            return []

    def _counts(self, operation: Json) -> bool:
        action = (operation.get("request") or {}).get("action")
        return outcome_of(operation) in self.outcomes and (not self.actions or action in self.actions)


def _ended_at(operation: Json) -> float:
    return time_of(operation["result"]["endedAt"]).timestamp()
