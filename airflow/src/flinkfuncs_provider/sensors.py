"""The sensor: waits until a job has a status, or a savepoint that is young enough."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseSensorOperator, conf

from .exceptions import FlinkFuncsUnavailable
from .hooks import DEFAULT, FlinkFuncsHook
from .job_state import Wanted
from .triggers import FlinkJobTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class FlinkJobSensor(BaseSensorOperator):
    """Wait until a Flink job is as it should be.

    :param job: the job's name in flinkfuncs (templated)
    :param status: the status that is waited for, or several; none where only the savepoint counts
    :param failed_status: the task fails at once where the job has one of these
    :param savepoint_younger_than: the newest savepoint's greatest age, in seconds or as a timedelta
    :param deferrable: wait in the triggerer (default: Airflow's `operators.default_deferrable`)
    :param flinkfuncs_conn_id: the connection to the app
    """

    template_fields: Sequence[str] = ("job", "status", "failed_status", "flinkfuncs_conn_id")
    ui_color = "#e6526f"
    ui_fgcolor = "#ffffff"

    def __init__(
        self,
        *,
        job: str,
        status: str | Sequence[str] = ("RUNNING",),
        failed_status: str | Sequence[str] = (),
        savepoint_younger_than: timedelta | float | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        flinkfuncs_conn_id: str = DEFAULT,
        **kwargs: Any,
    ) -> None:
        """Keep what is waited for."""
        super().__init__(**kwargs)
        self.job = job
        self.status = status
        self.failed_status = failed_status
        self.savepoint_younger_than = savepoint_younger_than
        self.deferrable = deferrable
        self.flinkfuncs_conn_id = flinkfuncs_conn_id

    @cached_property
    def hook(self) -> FlinkFuncsHook:
        """The connection to the app."""
        return FlinkFuncsHook(self.flinkfuncs_conn_id)

    def execute(self, context: Context) -> Any:
        """Look, and wait in the triggerer if that is wanted."""
        if not self.deferrable:
            return super().execute(context)
        if self.poke(context):
            return None
        return self.defer(
            trigger=FlinkJobTrigger(
                self.job,
                until=time.time() + self.timeout,
                statuses=_several(self.status),
                failed_statuses=_several(self.failed_status),
                savepoint_seconds=self._seconds(),
                flinkfuncs_conn_id=self.flinkfuncs_conn_id,
                poll_interval=self.poke_interval,
            ),
            method_name="execute_complete",
        )

    def poke(self, context: Context) -> bool:  # noqa: ARG002 - Airflow's name
        """Look once."""
        wanted = Wanted(_several(self.status), _several(self.failed_status), self._seconds())
        try:
            seen = self.hook.client.run(wanted.look(self.job))
        except FlinkFuncsUnavailable as error:
            self.log.warning("%s; still waiting for job %s", error, self.job)
            return False
        self.log.info(seen.words)
        if seen.failed:
            raise AirflowFailException(seen.words)
        return seen.reached

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> None:  # noqa: ARG002 - Airflow's name
        """Conclude from what the trigger saw."""
        self.log.info(event["message"])
        if event["status"] == "failed":
            raise AirflowFailException(event["message"])
        if event["status"] != "reached":
            raise AirflowException(event["message"])

    def _seconds(self) -> float | None:
        age = self.savepoint_younger_than
        return age.total_seconds() if isinstance(age, timedelta) else age


def _several(said: str | Sequence[str]) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)
