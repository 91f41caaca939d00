"""The connection to the app: `flinkfuncs`, with a form and a Test button."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import BaseHook
from asgiref.sync import sync_to_async

from . import client as api
from .access import Access
from .client import AsyncClient, Client, Json

DEFAULT = "flinkfuncs_default"


class FlinkFuncsHook(BaseHook):
    """Calls the flinkfuncs app.

    :param flinkfuncs_conn_id: the connection. It is read at the first call, and again where the app answers 401.
    """

    conn_name_attr = "flinkfuncs_conn_id"
    default_conn_name = DEFAULT
    conn_type = "flinkfuncs"
    hook_name = "Flink (flinkfuncs)"

    def __init__(self, flinkfuncs_conn_id: str = DEFAULT, **kwargs: Any) -> None:
        """Keep the id; nothing is read yet."""
        super().__init__(**kwargs)
        self.flinkfuncs_conn_id = flinkfuncs_conn_id

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's own fields (Airflow 2)."""
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget  # noqa: PLC0415 - only Airflow 2's webserver has it
        from flask_babel import lazy_gettext  # noqa: PLC0415 - as above
        from wtforms import StringField  # noqa: PLC0415 - as above

        from . import _FIELDS  # noqa: PLC0415 - as above

        return {
            name: StringField(lazy_gettext(label), widget=BS3TextFieldWidget()) for name, (label, _) in _FIELDS.items()
        }

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how the form shows Airflow's own fields (Airflow 2)."""
        from . import get_provider_info  # noqa: PLC0415 - it is what both Airflows read

        shown = get_provider_info()["connection-types"][0]["ui-field-behaviour"]
        return {name.replace("-", "_"): value for name, value in shown.items()}

    @cached_property
    def client(self) -> Client:
        """The client of a worker."""
        return Client(lambda: Access.of(self.get_connection(self.flinkfuncs_conn_id)))

    def async_client(self) -> AsyncClient:
        """Return a client for a triggerer."""
        return AsyncClient(self._read_async)

    async def _read_async(self) -> Access:
        read = getattr(self, "aget_connection", None) or sync_to_async(self.get_connection)
        return Access.of(await read(self.flinkfuncs_conn_id))

    def get_conn(self) -> Client:
        """Return the client."""
        return self.client

    def test_connection(self) -> tuple[bool, str]:
        """Ask for the app's health (the Test button)."""
        try:
            reply, _ = self.client.run(api.call("GET", "/api/health", tries=1))
        except Exception as error:  # noqa: BLE001 - whatever it is, the form shows it
            return False, str(error)
        healthy = reply.json().get("healthy", True)
        return bool(healthy), "the app is healthy" if healthy else "the app is not healthy: look at its health report"

    # ------------------------------------------------------------------------------------------------------- the API

    def url(self, path: str) -> str:
        """Return an address of the app, for people."""
        return Access.of(self.get_connection(self.flinkfuncs_conn_id)).url + path

    def request_action(self, job: str, action: str, body: Json, *, key: str | None = None) -> tuple[Json, bool]:
        """Ask for an action; return the operation, and whether an earlier call with this key had asked for it."""
        return self.client.run(api.post(action_path(job, action), body, key=key))

    def plan(self, job: str, action: str, body: Json) -> Json:
        """Return what an action would do."""
        plan, _ = self.client.run(api.post(f"{action_path(job, action)}?dryRun=true", body))
        return plan

    def operation(self, operation_id: str) -> Json:
        """Return an operation."""
        return self.client.run(api.get(f"/api/operations/{operation_id}"))

    def wait(self, operation_id: str, *, until: float, every: float = 30) -> Json | None:
        """Return an operation once it has ended, or None at that time (seconds since 1970)."""
        return self.client.run(api.follow(operation_id, until=until, every=every))

    def withdraw(self, operation_id: str, reason: str) -> str:
        """End an operation if it has not begun; return what became of that, in words."""
        return self.client.run(api.withdraw(operation_id, reason))

    def job(self, job: str) -> Json:
        """Return a job."""
        return self.client.run(api.get(api.job_path(job)))

    def savepoints(self, job: str) -> list[Json]:
        """Return a job's savepoints, the newest first."""
        return list(self.client.run(api.get(api.job_path(job, "/savepoints")))["savepoints"])


def action_path(job: str, action: str) -> str:
    """Return the route of an action, which may be written in any way."""
    return api.job_path(job, f"/{action.lower().replace('_', '-')}")
