"""What a `runJob` body asks for: the one translation of the API's properties, for our HTTP routes and for the gateway.

    body field                              Request                         taken by
    --------------------------------------  ------------------------------  --------------------------------
    jobJarDirectory, jarName                jar (both, or neither)          NEW and the three UPDATEs
    jar                                     jar, below `plans/`             NEW and the three UPDATEs; not the gateway
    entryClass, args                        spec                            NEW and the three UPDATEs
    flinkConfiguration                      spec, without its two specials  NEW and the three UPDATEs
    … its `parallelism`, or parallelism     spec.parallelism                NEW and the three UPDATEs
    … its `savepoint.directory`, or
      savepointDirectory                    spec.savepoint_directory        NEW and the three UPDATEs
    savepointFormat, onFailure,
      allowNonRestoredState,
      savepointRetentionCount,
      savepointRetentionDays, requireSlots  spec                            NEW and the three UPDATEs
    updateWindow                            spec                            NEW and the three UPDATEs
    savePointName                           save_point_name                 NEW, UPDATE, START, RE_LAUNCH
    withoutSavepoint                        without_savepoint               STATELESS_UPDATE
    allowUnalignedCheckpoint                allow_unaligned_checkpoint      UPDATE, LAST_STATE_UPDATE, START, RE_LAUNCH
    adopt                                   adopt                           NEW, and then nothing else
    release                                 release                         the three UPDATEs, and then nothing that
                                                                            says what to run; not the gateway
    reason, buildUrl, commit                reason, build_url, commit       every action
    plan                                    plan                            every action

A field that is null or empty says nothing (the API's own callers send `"savepoint.directory": ""`), but for empty
`args` and an empty `updateWindow`, which mean: none. A field that the action does not take is refused, never ignored.
Nothing that a body names may lie outside the configured roots.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict

from .core.actions import Action
from .core.errors import Refused
from .core.model import parse_json
from .core.names import Directory, require_one, state_path
from .core.operations import PlanId, Request
from .core.queueing import UPDATES
from .core.releases import (
    Args,
    FlinkConfiguration,
    FlinkJobId,
    JarSource,
    Parallelism,
    ReleaseId,
    RetentionCount,
    RetentionDays,
    SpecPatch,
    parallelism_of,
)
from .core.remarks import REMARKS, Remarks
from .core.uploads import PLANS, require_plain
from .core.windows import UpdateWindow
from .settings import Settings

PARALLELISM_KEY = "parallelism"
SAVEPOINT_KEY = "savepoint.directory"


def _as_text(value: object) -> object:
    """Write a JSON number or truth value as Flink's configuration does; anything else is left for the type to judge."""
    return json.dumps(value) if isinstance(value, bool | int | float) else value


def _texts(configuration: object) -> object:
    if not isinstance(configuration, dict):
        return configuration
    return {key: _as_text(value) for key, value in configuration.items()}


class RunJobProperties(Remarks):
    """The properties of a `runJob` body that say how to run a job, and this app's own options.

    {"jobJarDirectory": "abfs://jobs@acct.dfs.core.windows.net/jars", "jarName": "orders.jar",
     "flinkConfiguration": {"parallelism": "2", "savepoint.directory": "abfs://sp@acct.dfs.core.windows.net/orders"}}
    """

    model_config = ConfigDict(strict=True)  # as it is described: "4" is not a number, and 1 is not true

    job_jar_directory: str | None = None
    jar_name: str | None = None
    jar: str | None = None
    entry_class: str | None = None
    args: Args | None = None
    save_point_name: str | None = None
    flink_configuration: (
        Annotated[FlinkConfiguration, BeforeValidator(_texts, json_schema_input_type=dict[str, str | float | bool])]
        | None
    ) = None
    parallelism: Parallelism | None = None
    savepoint_directory: str | None = None
    savepoint_format: Literal["CANONICAL", "NATIVE"] | None = None
    allow_non_restored_state: bool | None = None
    on_failure: Literal["rollback", "stop"] | None = None
    savepoint_retention_count: RetentionCount | None = None
    savepoint_retention_days: RetentionDays | None = None
    require_slots: bool | None = None
    update_window: UpdateWindow | None = None
    without_savepoint: bool | None = None
    allow_unaligned_checkpoint: bool | None = None
    adopt: FlinkJobId | None = None
    release: ReleaseId | None = None
    plan: PlanId | None = None


_OPTIONS = {"save_point_name", "without_savepoint", "allow_unaligned_checkpoint", "adopt", "release", "plan"}
_RELEASE_FIELDS = frozenset(RunJobProperties.model_fields) - _OPTIONS - REMARKS
_STATE_ACTIONS = (Action.UPDATE, Action.LAST_STATE_UPDATE, Action.START, Action.RE_LAUNCH)
_SAVEPOINT_ACTIONS = (Action.NEW, Action.UPDATE, Action.START, Action.RE_LAUNCH)


def fields_of(action: Action) -> frozenset[str]:
    """Name the fields of a body that the action takes."""
    release = _RELEASE_FIELDS if action.takes_release else frozenset()
    savepoint = {"save_point_name"} if action in _SAVEPOINT_ACTIONS else set()
    without = {"without_savepoint"} if action is Action.STATELESS_UPDATE else set()
    unaligned = {"allow_unaligned_checkpoint"} if action in _STATE_ACTIONS else set()
    adopt = {"adopt"} if action is Action.NEW else set()
    back = {"release"} if action in UPDATES else set()
    return release | savepoint | without | unaligned | adopt | back | {"plan"} | REMARKS


def to_request(action: Action, body: RunJobProperties, settings: Settings) -> Request:
    """Translate the properties of a body into what is asked for.

    Raises:
        Refused: the action does not take a field, two fields disagree, or a path leaves its root (400).
        Unavailable: the setting of that root is missing.

    """
    _refuse_unused(action, body)
    return Request(
        action=action,
        jar=_jar(body, settings),
        spec=_spec(body, settings),
        save_point_name=_save_point(body.save_point_name, settings),
        without_savepoint=bool(body.without_savepoint),
        allow_unaligned_checkpoint=bool(body.allow_unaligned_checkpoint),
        adopt=body.adopt,
        release=body.release,
        reason=body.reason,
        build_url=body.build_url,
        commit=body.commit,
        plan=body.plan,
    )


def _refuse_unused(action: Action, body: RunJobProperties) -> None:
    said = {name for name in RunJobProperties.model_fields if getattr(body, name) not in (None, "", {})}
    if "adopt" in said and said - REMARKS - {"adopt", "plan"}:
        raise _invalid("adopt takes over what runs: a release, its spec or a savepoint come with a later UPDATE")
    if "release" in said and said & _RELEASE_FIELDS:
        both = ", ".join(sorted(map(_alias, said & _RELEASE_FIELDS)))
        raise _invalid(f"release names a jar with its whole spec, so nothing else says what to run: leave out {both}")
    unused = sorted(_alias(name) for name in said - fields_of(action))
    if unused:
        taken = ", ".join(sorted(_alias(name) for name in fields_of(action)))
        raise _invalid(f"{action} does not take {', '.join(unused)}; it takes {taken}")


def _jar(body: RunJobProperties, settings: Settings) -> JarSource | None:
    directory, name = body.job_jar_directory or "", body.jar_name or ""
    if body.jar:
        if directory or name:
            raise _invalid("jar names a jar below plans/, and jobJarDirectory and jarName name another one: give one")
        require_plain(body.jar)
        if not body.jar.startswith(PLANS):
            raise Refused(f"{body.jar[:128]!r} is not below {PLANS}", code="InvalidPath", status=400)
        return JarSource(place="uploads", name=body.jar)
    if not directory and not name:
        return None
    if not directory or not name:
        raise _invalid("jobJarDirectory and jarName name a jar together; one of them is missing")
    if "/" in name or "\\" in name or ".." in name or not name.isprintable():
        raise _invalid(f"jarName: {name[:64]!r} is not a plain file name")
    roots = [root for _, root in settings.jar_roots]
    if not roots:
        settings.require("job_jar_directory")
    jar = require_one(roots, Directory.parse(directory)).child(name)
    first = settings.job_jar_directory and roots[0].holds(jar)
    return JarSource(place="directory", name=jar.blob_name if first else str(jar))


def _spec(body: RunJobProperties, settings: Settings) -> SpecPatch:
    """Return the fields of the spec that the body sets, each checked where it arrives."""
    configuration = dict(body.flink_configuration or {})
    parallelism = configuration.pop(PARALLELISM_KEY, "").strip()
    directory = configuration.pop(SAVEPOINT_KEY, "").strip()
    said = {
        "entryClass": body.entry_class or None,
        "args": body.args,
        "flinkConfiguration": configuration or None,
        "parallelism": _agreed("parallelism", parallelism_of(parallelism) if parallelism else None, body.parallelism),
        "savepointDirectory": _savepoint_root(
            _agreed("savepointDirectory", directory or None, body.savepoint_directory or None), settings
        ),
        "savepointFormat": body.savepoint_format,
        "allowNonRestoredState": body.allow_non_restored_state,
        "onFailure": body.on_failure,
        "savepointRetentionCount": body.savepoint_retention_count,
        "savepointRetentionDays": body.savepoint_retention_days,
        "requireSlots": body.require_slots,
        "updateWindow": body.update_window and json.loads(body.update_window.to_json()),
    }
    return parse_json(
        SpecPatch, json.dumps({name: value for name, value in said.items() if value is not None}), what="the body"
    )


def _agreed(field: str, special: str | int | None, option: str | int | None) -> str | int | None:
    """Return the value that the configuration's special and our option give, if they do not contradict each other."""
    if special is not None and option is not None and special != option:
        raise _invalid(f"{field} is given twice, in flinkConfiguration and beside it, and the two differ")
    return option if special is None else special


def _savepoint_root(directory: str | int | None, settings: Settings) -> str | None:
    if not isinstance(directory, str):
        return None
    return str(_below_savepoints(directory, settings))


def _save_point(name: str | None, settings: Settings) -> str | None:
    """Return a savepoint's bare name, or its full path once it is known to lead nowhere else."""
    if not name:
        return None
    place = state_path(name)
    if ":" in place:
        found = _below_savepoints(place, settings)
        return name if found == Directory.parse(place) else str(found)
    if not place or "/" in place or "\\" in place or ".." in place or not place.isprintable():
        raise _invalid(f"savePointName: {name[:64]!r} is neither a savepoint's name nor its full path")
    return name


def _below_savepoints(text: str, settings: Settings) -> Directory:
    settings.require("savepoint_directory")
    return require_one([root for _, root in settings.savepoint_roots], Directory.parse(text))


def _alias(field: str) -> str:
    return RunJobProperties.model_fields[field].alias or field


def _invalid(message: str) -> Refused:
    return Refused(message, code="InvalidBody", status=400)
