"""The operator: one action on one job, to its end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowOptionalProviderFeatureException,
    BaseOperator,
    conf,
)

from .client import Json, outcome_of
from .exceptions import (
    OUTCOMES,
    FlinkFuncsRefused,
    FlinkKeyExpired,
    FlinkOperationOpen,
    FlinkOperationUnknown,
    FlinkPlanRefused,
)
from .hooks import DEFAULT, FlinkFuncsHook
from .keys import Call
from .links import KEY, FlinkOperationLink, page_of
from .masking import mask
from .summary import message_of, summary
from .triggers import FlinkOperationTrigger

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.common.compat.sdk import Context

OnKill = Literal["leave", "withdraw"]
WITHOUT_STATE_RISK = frozenset({"NOTHING_TO_DO", "WILL_DO"})


class FlinkJobOperator(BaseOperator):
    """Ask flinkfuncs for an action on a Flink job, and wait for the operation's end.

    The XCom that it returns: operation, job, action, outcome, flinkJobId, releaseId, savepoint, downtimeSeconds; with
    `plan_only` the plan, whose `id` is what `plan` of a later task takes.

    :param job: the job's name in flinkfuncs (templated)
    :param action: new, update, stateless-update, last-state-update, start, stop, savepoint, cancel, delete, re-launch
        or list-savepoint, in any case and with - or _ (templated)
    :param jar: where the jar is, as `abfs://container@account.dfs.core.windows.net/path/name.jar`: below the app's
        JOB_JAR_DIRECTORY (templated)
    :param local_jar: a file on the worker that is uploaded there first (templated; needs the microsoft-azure provider)
    :param release: the id of an earlier release to go back to (templated)
    :param args: main()'s arguments (templated). No secrets: they are part of the job
    :param flink_configuration: Flink's configuration of the job (templated)
    :param body: further fields of the request, as the app's docs/actions.md describes them (templated)
    :param savepoint: what to begin from: a savepoint's name or path (templated)
    :param plan: the id of a plan: refused where anything that it rested on has changed (templated)
    :param reason: a line for the history (templated; default: the DAG, the run and the task)
    :param plan_only: do nothing, and return the plan; one that would be refused fails the task
    :param wait: wait for the operation's end
    :param deferrable: wait in the triggerer (default: Airflow's `operators.default_deferrable`)
    :param poll_interval: seconds for which the app holds each look; its end is seen at once
    :param timeout: seconds after which the task fails while the operation goes on; a retry waits for the same one
    :param success_outcomes: which outcomes let the task succeed
    :param on_kill: what a task does that is marked or cleared while it waits: `leave` the operation, or `withdraw` it
        if it has not begun
    :param idempotency_key: replaces the key that is made of run and task (keys.py): with it a cleared task finds the
        same operation, too (templated)
    :param storage_conn_id: the `wasb` connection that `local_jar` is uploaded with
    :param flinkfuncs_conn_id: the connection to the app
    """

    template_fields: Sequence[str] = (
        *("job", "action", "jar", "local_jar", "release", "args", "flink_configuration", "body", "savepoint", "plan"),
        *("reason", "idempotency_key", "flinkfuncs_conn_id", "storage_conn_id"),
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"flink_configuration": "json", "body": "json"}
    operator_extra_links = (FlinkOperationLink(),)
    ui_color = "#e6526f"
    ui_fgcolor = "#ffffff"

    def __init__(
        self,
        *,
        job: str,
        action: str,
        jar: str | None = None,
        local_jar: str | None = None,
        release: str | None = None,
        args: str | Sequence[str] | None = None,
        flink_configuration: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        savepoint: str | None = None,
        plan: str | None = None,
        reason: str | None = None,
        plan_only: bool = False,
        wait: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 30,
        timeout: float = 3600,
        success_outcomes: Sequence[str] = ("SUCCEEDED",),
        on_kill: OnKill = "leave",
        idempotency_key: str | None = None,
        storage_conn_id: str = "wasb_default",
        flinkfuncs_conn_id: str = DEFAULT,
        **kwargs: Any,
    ) -> None:
        """Keep what is asked for; nothing is sent yet."""
        super().__init__(**kwargs)
        if on_kill not in ("leave", "withdraw"):
            raise AirflowException(f"on_kill is 'leave' or 'withdraw', not {on_kill!r}")
        self.job = job
        self.action = action
        self.jar = jar
        self.local_jar = local_jar
        self.release = release
        self.args = args
        self.flink_configuration = flink_configuration
        self.body = body
        self.savepoint = savepoint
        self.plan = plan
        self.reason = reason
        self.plan_only = plan_only
        self.wait = wait
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.success_outcomes = success_outcomes
        self.on_kill_action = on_kill
        self.idempotency_key = idempotency_key
        self.storage_conn_id = storage_conn_id
        self.flinkfuncs_conn_id = flinkfuncs_conn_id
        self._waiting_for: str | None = None

    @cached_property
    def hook(self) -> FlinkFuncsHook:
        """The connection to the app."""
        return FlinkFuncsHook(self.flinkfuncs_conn_id)

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render, and have Airflow star what is a secret before it stores or logs a field."""
        mask(self.args, self.flink_configuration)
        super().render_template_fields(context, jinja_env)
        mask(self.args, self.flink_configuration)

    def execute(self, context: Context) -> Json:
        """Ask, and wait."""
        if self.local_jar:
            self._upload(self.local_jar)
        if self.plan_only:
            return self._planned()
        operation = self._ask(context)
        number = str(operation["id"])
        context["ti"].xcom_push(key=KEY, value=self.hook.url(page_of(self.job, number)))
        self.log.info("Operation %s: %s of %s", number, self.action, self.job)
        if not self.wait:
            return summary(operation)
        if outcome_of(operation):
            return self._concluded(summary(operation), message_of(operation))
        until = time.time() + self.timeout
        if self.deferrable:
            self.defer(
                trigger=FlinkOperationTrigger(
                    operation=number,
                    flinkfuncs_conn_id=self.flinkfuncs_conn_id,
                    until=until,
                    poll_interval=self.poll_interval,
                    on_kill=self.on_kill_action,
                ),
                method_name="execute_complete",
            )
        self._waiting_for = number
        ended = self.hook.wait(number, until=until, every=self.poll_interval)
        self._waiting_for = None
        if ended is None:
            raise still_open(number)
        return self._concluded(summary(ended), message_of(ended))

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Json:  # noqa: ARG002 - Airflow's name
        """Conclude from what the trigger saw."""
        match event["status"]:
            case "ended":
                return self._concluded(dict(event["operation"]), str(event["message"]))
            case "open":
                raise still_open(str(event["id"]))
            case _:
                raise AirflowException(str(event["message"]))

    def on_kill(self) -> None:
        """Withdraw the operation, if that is wanted: one that has begun is carried on."""
        if self._waiting_for and self.on_kill_action == "withdraw":
            self.log.info(self.hook.withdraw(self._waiting_for, f"{self._name()} was ended"))

    # -------------------------------------------------------------------------------------------------------- asking

    def _ask(self, context: Context) -> Json:
        """Record the operation, or find the one that an earlier try of this task recorded."""
        body = self._body()
        body.setdefault("reason", (self.reason or f"Airflow: {_called(context)}")[:500])
        if self.idempotency_key:
            operation, replayed = self._send(body, self.idempotency_key)
            return self._found(operation) if replayed else operation
        call = Call.of(context)
        if call.may_have_expired(datetime.now(UTC)):
            raise FlinkKeyExpired(
                f"try {call.tries} of a run that began {call.began:%Y-%m-%d}: the app keeps idempotency keys for seven "
                f"days, so nobody can tell whether an earlier try has acted. Look at the operations of {self.job}; to "
                "act, clear the task"
            )
        for number in range(1, call.tries + 1):
            operation, replayed = self._send(body, call.key(number))
            if not replayed:
                return operation
            if outcome_of(operation) != "FAILED" or number == call.tries:
                return self._found(operation)
            self.log.info("Operation %s of an earlier try has failed: %s", operation["id"], message_of(operation))
        raise AssertionError("there is a first try")

    def _send(self, body: Json, key: str) -> tuple[Json, bool]:
        try:
            return self.hook.request_action(self.job, self.action, body, key=key)
        except FlinkFuncsRefused as error:
            if error.code != "KeyReused":
                raise
            raise FlinkFuncsRefused(
                "an earlier try of this task asked for something else: its fields have changed meanwhile. Look at the "
                f"operations of {self.job}; to act anew, clear the task",
                status=error.status,
                code=error.code,
            ) from None

    def _found(self, operation: Json) -> Json:
        self.log.info("Operation %s was asked for by an earlier try of this task", operation["id"])
        return operation

    def _body(self) -> Json:
        said: Json = dict(self.body or {})
        named = {
            "release": self.release,
            "args": list(self.args) if self.args is not None and not isinstance(self.args, str) else self.args,
            "flinkConfiguration": dict(self.flink_configuration) if self.flink_configuration else None,
            "savePointName": self.savepoint,
            "plan": self.plan,
        }
        if self.jar:
            named["jobJarDirectory"], _, named["jarName"] = self.jar.rpartition("/")
        return said | {name: value for name, value in named.items() if value is not None}

    def _planned(self) -> Json:
        plan = self.hook.plan(self.job, self.action, self._body())
        verdict = plan.get("verdict")
        self.log.info("Plan %s: %s %s", plan.get("id"), verdict, plan.get("reason", ""))
        if verdict not in WITHOUT_STATE_RISK:
            raise FlinkPlanRefused(f"{verdict}: {plan.get('reason') or plan.get('code') or 'no reason was given'}")
        return plan

    def _upload(self, file: str) -> None:
        """Put the local jar where `jar` says; the same bytes again do no harm."""
        if not self.jar:
            raise AirflowException("local_jar needs jar: the path that it is uploaded to")
        try:
            from airflow.providers.microsoft.azure.hooks.wasb import WasbHook  # noqa: PLC0415 - where it is installed
        except ImportError:
            raise AirflowOptionalProviderFeatureException(
                "local_jar needs apache-airflow-providers-microsoft-azure, which uploads it"
            ) from None
        container, blob = place_of(self.jar)
        self.log.info("Uploading %s to %s", file, self.jar)
        hook = WasbHook(wasb_conn_id=self.storage_conn_id)
        hook.load_file(file, container_name=container, blob_name=blob, overwrite=True)

    # ----------------------------------------------------------------------------------------------------- concluding

    def _concluded(self, seen: Json, message: str) -> Json:
        outcome = str(seen["outcome"])
        self.log.info("Operation %s %s: %s", seen["operation"], outcome, message)
        if outcome in self.success_outcomes:
            return seen
        raise OUTCOMES.get(outcome, FlinkOperationUnknown)(
            f"{outcome}: {message} (operation {seen['operation']} of {seen['job']})"
        )

    def _name(self) -> str:
        return f"the task {self.dag_id}.{self.task_id}"


def place_of(jar: str) -> tuple[str, str]:
    """Return container and name of `abfs://container@account.dfs…/folder/x.jar`, or of its https form."""
    parts = urlsplit(jar)
    if parts.username:
        return parts.username, parts.path.lstrip("/")
    container, _, blob = parts.path.lstrip("/").partition("/")
    return container, blob


def still_open(operation: str) -> FlinkOperationOpen:
    """Return the error of a wait that is over before the operation is."""
    return FlinkOperationOpen(f"operation {operation} goes on; a retry of this task waits for it")


def _called(context: Context) -> str:
    ti = context["ti"]
    mapped = f"[{ti.map_index}]" if ti.map_index is not None and ti.map_index >= 0 else ""
    return f"{ti.dag_id} {ti.task_id}{mapped} {ti.run_id}"
