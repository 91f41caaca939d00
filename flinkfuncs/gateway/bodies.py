"""What does a runJob body ask for?

    {"properties": {"jobType": "FlinkJob", "jobName": "orders", "action": "UPDATE",
                    "jobJarDirectory": "abfs://jobs@account.dfs.core.windows.net/jars", "jarName": "orders.jar",
                    "flinkConfiguration": {"parallelism": "2", "savepoint.directory": ""}}}

Callers send more than an action takes (the API's own example of START names a jar): what an action does not take is
left out, as the service did. A field that the API does not have is refused, and so is one of this app's own options.
Fields that only the service writes are taken and not looked at, so that a row can be sent back.
"""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from ..core.actions import Action, parse_action
from ..core.errors import NotFound, Refused
from ..core.model import parse_json
from ..core.operations import Request
from ..runjob import RunJobProperties, fields_of, to_request
from ..settings import Settings
from .contract import ApiVersion

LONGEST_BODY = 256 * 1024  # bytes; a runJob body is some hundred


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class FlinkJobProperties(_Wire):
    """The API's properties; the last five are the service's to write."""

    job_type: Literal["FlinkJob"]
    action: str
    job_name: str | None = None
    run_id: str | None = None
    job_jar_directory: str | None = None
    jar_name: str | None = None
    entry_class: str | None = None
    args: str | None = None
    save_point_name: str | None = None
    flink_configuration: JsonValue = None
    job_id: JsonValue = None
    status: JsonValue = None
    job_output: JsonValue = None
    action_result: JsonValue = None
    last_save_point: JsonValue = None


class ClusterJob(_Wire):
    """The body; all but its properties are the service's to write."""

    properties: FlinkJobProperties
    id: JsonValue = None
    name: JsonValue = None
    type: JsonValue = None
    system_data: JsonValue = Field(default=None)


def parse_body(text: bytes) -> FlinkJobProperties:
    """Read a body.

    Raises:
        Refused: it is too long (413), no JSON, or a field is unknown, missing or wrong (400).

    """
    if len(text) > LONGEST_BODY:
        raise Refused(f"a body takes at most {LONGEST_BODY} bytes", code="RequestContentTooLarge", status=413)
    return parse_json(ClusterJob, text, what="the request body").properties


def request_of(body: FlinkJobProperties, api: ApiVersion, settings: Settings) -> Request:
    """Translate a body into what is asked for.

    Raises:
        Refused: there is no such action, this api-version lacks it, or a field cannot be taken (400).
        Unavailable: the setting of a root that the body relies on is missing.

    """
    action = api.require(_action(body.action))
    # A START that names a jar says what an UPDATE says: what to run from now on.
    read_as = Action.UPDATE if action is Action.START and body.jar_name else action
    taken = fields_of(read_as)
    said: dict[str, JsonValue] = {
        "job_jar_directory": body.job_jar_directory,
        "jar_name": body.jar_name,
        "entry_class": body.entry_class,
        "args": body.args,
        "save_point_name": body.save_point_name,
        "flink_configuration": body.flink_configuration,
    }
    text = json.dumps({to_camel(name): value for name, value in said.items() if name in taken})
    properties = parse_json(RunJobProperties, text, what="the request body")
    return to_request(read_as, properties, settings).model_copy(update={"action": action})


def _action(word: str) -> Action:
    try:
        return parse_action(word)
    except NotFound as error:
        raise Refused(error.message, code="InvalidAction", status=400) from None
