"""What does a runJob body ask for?

    {"properties": {"jobType": "FlinkJob", "jobName": "orders", "action": "UPDATE",
                    "jobJarDirectory": "abfs://jobs@account.dfs.core.windows.net/jars", "jarName": "orders.jar",
                    "flinkConfiguration": {"parallelism": "2", "savepoint.directory": ""}}}

It is read as ARM's own reader does: names of fields in any case, a byte order mark, fields that the API does not have
(this app's own options are among them) and fields that only the service writes are passed over, so that a row can be
sent back. Callers send more than an action takes (the API's own example of START names a jar): that is left out, too.
A key of flinkConfiguration whose value is null says nothing, and a parallelism may be written 2, 2.0 or "2".
"""

from __future__ import annotations

import json
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, field_validator, model_validator
from pydantic.alias_generators import to_camel

from ..core.actions import Action, parse_action
from ..core.errors import NotFound, Refused
from ..core.model import parse_json
from ..core.names import Directory, require_one
from ..core.operations import Request
from ..core.releases import JarSource
from ..runjob import PARALLELISM_KEY, SAVEPOINT_KEY, RunJobProperties, fields_of, to_request
from ..settings import Settings
from .contract import ApiVersion

_WHOLE = re.compile(r"\.0+$")  # of 2.0
LONGEST_BODY = 256 * 1024  # bytes; a runJob body is some hundred


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _in_any_case(cls, said: object) -> object:
        if not isinstance(said, dict):
            return said
        names = {str(field.alias).lower(): field.alias for field in cls.model_fields.values()}
        exact = {name: value for name, value in said.items() if name in names.values()}
        return {names.get(str(name).lower(), name): value for name, value in said.items()} | exact


class FlinkJobProperties(_Wire):
    """The API's properties, but for those that are the service's to write."""

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

    @field_validator("job_type", mode="before")
    @classmethod
    def _in_its_case(cls, said: JsonValue) -> JsonValue:
        return "FlinkJob" if isinstance(said, str) and said.lower() == "flinkjob" else said

    @field_validator("flink_configuration")
    @classmethod
    def _as_text(cls, said: JsonValue) -> JsonValue:
        if not isinstance(said, dict):
            return said
        texts: dict[str, JsonValue] = {key: value for key, value in said.items() if value is not None}
        parallelism = texts.get(PARALLELISM_KEY)
        if isinstance(parallelism, float) and parallelism.is_integer():
            texts[PARALLELISM_KEY] = int(parallelism)
        elif isinstance(parallelism, str):
            texts[PARALLELISM_KEY] = _WHOLE.sub("", parallelism.strip())
        return texts


class ClusterJob(_Wire):
    """The body."""

    properties: FlinkJobProperties


def parse_body(text: bytes) -> FlinkJobProperties:
    """Read a body.

    Raises:
        Refused: it is too long (413), no JSON, or a field is missing or wrong (400).

    """
    if len(text) > LONGEST_BODY:
        raise too_large()
    return parse_json(ClusterJob, text, what="the request body").properties


def too_large() -> Refused:
    """Return the error of a body that is too long."""
    return Refused(f"a body takes at most {LONGEST_BODY} bytes", code="RequestContentTooLarge", status=413)


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
    said = {to_camel(name): value for name, value in said.items() if name in taken}
    properties = parse_json(RunJobProperties, json.dumps(said), what="the request body")
    try:
        return to_request(read_as, properties, settings).model_copy(update={"action": action})
    except Refused as error:
        if error.code != "OutsideRoot":
            raise
        return _refused_in_the_row(action, properties, error, settings)


def _refused_in_the_row(action: Action, said: RunJobProperties, error: Refused, settings: Settings) -> Request:
    """Return a request that names a place which is not allowed: it is recorded, and nothing there is ever read.

    So did the service: its runJob was Succeeded, and the row said "Failed to download jar".
    """
    configuration = {k: v for k, v in (said.flink_configuration or {}).items() if k != SAVEPOINT_KEY}
    names = dict.fromkeys(("job_jar_directory", "jar_name", "save_point_name"))
    rest = said.model_copy(update=names | {"flink_configuration": configuration or None})
    request = to_request(Action.UPDATE if action is Action.START else action, rest, settings)
    jar = not _is_allowed(said.job_jar_directory, settings) if said.job_jar_directory else False
    why = f"{'Failed to download jar' if jar else 'Failed to find savepoint'}: {error.message}"
    shown = _as_named(said) if jar else None
    return request.model_copy(update={"action": action, "objection": why, "jar": shown})


def _as_named(said: RunJobProperties) -> JarSource:
    """Return a jar as the caller named it, for the row."""
    directory = Directory.parse(said.job_jar_directory or "")
    return JarSource(place="directory", name=str(directory.child(said.jar_name or "")))


def _is_allowed(directory: str, settings: Settings) -> bool:
    try:
        require_one([root for _, root in settings.jar_roots], Directory.parse(directory))
    except Refused:
        return False
    return True


def _action(word: str) -> Action:
    try:
        return parse_action(word)
    except NotFound as error:
        raise Refused(error.message, code="InvalidAction", status=400) from None
