"""The button on a task's page that opens its operation in the app."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey

KEY = "flinkfuncs_url"  # of the XCom


def page_of(job: str, operation: str) -> str:
    """Return the path of an operation's page."""
    return f"/ui#/jobs/{quote(job, safe='')}/operations/{quote(operation, safe='')}"


class FlinkOperationLink(BaseOperatorLink):
    """Links a task to the operation that it asked for."""

    name = "Flink operation"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's names
        """Return the address, once there is an operation."""
        return XCom.get_value(ti_key=ti_key, key=KEY) or ""
