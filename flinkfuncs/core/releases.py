"""What a job is to run: the jar, by its hash, and the spec that goes with it.

A release is identified by the SHA-256 of its jar and its spec together: the same bytes with other arguments are another
release, and a release that comes back is the same one again.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationInfo,
    model_serializer,
)
from pydantic.alias_generators import to_camel

from .arguments import split_arguments, split_as_recorded
from .errors import Refused
from .model import Model
from .windows import NoWindow, UpdateWindow

DEFAULT_PARALLELISM = 2  # the API's own default
_WHOLE_NUMBER = re.compile("0*[1-9][0-9]{0,8}")
_PLAIN_WORD = re.compile(r"""[^\s"'\\]+""")  # a shell and `split_arguments` take it alike

# Keys that would undo what an update promises: the state it starts from, the jar it runs, and the ids that are ours.
REFUSED_KEYS = ("execution.state-recovery", "execution.savepoint", "$internal.", "pipeline.jars", "pipeline.classpaths")


# Fields of the spec that decide whether and when a release is taken, and not what runs: they make no other release.
OF_TAKING = ("require_slots", "update_window")


def _check_configuration(configuration: dict[str, str]) -> dict[str, str]:
    for key in configuration:
        if key.strip().lower().startswith(REFUSED_KEYS):
            raise ValueError(f"the Flink configuration key {key!r} is refused: it would undo what this app guarantees")
    return configuration


def _split(args: object, info: ValidationInfo) -> object:
    """Split a text of arguments where it comes in; one that is on record was split, or stays as it was recorded."""
    if not isinstance(args, str):
        return tuple(args) if isinstance(args, list) else args  # a strict model takes no list for a tuple here
    if not info.context:
        split_as_recorded(args)  # ValueError: no closing quotation
        return args
    return tuple(split_arguments(args)) or ""


def _form(args: object) -> str:
    return "text" if isinstance(args, str) else "list"


FlinkConfiguration = Annotated[dict[str, str], AfterValidator(_check_configuration)]
# main()'s arguments, one by one; a text only where there are none, or where an older version of this app recorded it.
Args = Annotated[
    Annotated[str, Tag("text")] | Annotated[tuple[str, ...], Tag("list")], Discriminator(_form), BeforeValidator(_split)
]
Parallelism = Annotated[int, Field(ge=1, le=32768)]
FlinkJobId = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
ReleaseId = Annotated[str, Field(pattern="^[0-9a-f]{8,64}$")]  # or its beginning
RetentionCount = Annotated[int, Field(ge=1, le=10_000)]
RetentionDays = Annotated[float, Field(gt=0, le=36500)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class SpecPatch(Model):
    """What a request or a job.json may say of how a jar is run; `model_fields_set` tells what it does say.

    `args` come as a list, or as one text, which `split_arguments` splits. `parallelism` counts subtasks. Only what is
    said is written down: a default that came back from storage as if it had been said would undo the recorded spec.
    """

    whole: ClassVar[bool] = False  # whether what was not said is written down, too

    entry_class: str | None = None
    args: Args = ""
    parallelism: Parallelism = DEFAULT_PARALLELISM
    flink_configuration: FlinkConfiguration = Field(default={})
    savepoint_directory: str | None = None
    savepoint_format: Literal["CANONICAL", "NATIVE"] = "CANONICAL"
    allow_non_restored_state: bool = False
    on_failure: Literal["rollback", "stop"] = "rollback"
    savepoint_retention_count: RetentionCount | None = None
    savepoint_retention_days: RetentionDays | None = None
    require_slots: bool | None = None  # None: as the setting says
    update_window: UpdateWindow | None = None  # when an upload may update the job; None: at any time

    @model_serializer(mode="wrap")
    def _what_is_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields: dict[str, object] = handler(self)
        unsaid = set(type(self).model_fields) - self.model_fields_set if not self.whole else set()
        silent = unsaid | {to_camel(name) for name in unsaid}
        return {name: value for name, value in fields.items() if name not in silent}


class Spec(SpecPatch):
    """How a jar is run: every field counts."""

    whole: ClassVar[bool] = True

    @property
    def argument_list(self) -> list[str]:
        """The arguments of main(), one by one."""
        return split_as_recorded(self.args) if isinstance(self.args, str) else list(self.args)

    def patched(self, patch: SpecPatch) -> Spec:
        """Return this spec with every field that the patch sets."""
        fields = {name: getattr(patch, name) for name in patch.model_fields_set}
        if isinstance(patch.update_window, NoWindow):
            fields["update_window"] = None
        return self.model_copy(update=fields)


class JarSource(Model):
    """Where a jar was read from.

    `place` is `uploads` (the jars container, by an event or by a request that names a jar below `plans/`) or
    `directory` (below JOB_JAR_DIRECTORY or one of JOB_JAR_DIRECTORIES, by a request that names it); `name` is the
    blob's name in that container, or of a jar below one of JOB_JAR_DIRECTORIES its whole URI. An upload is pinned to
    its ETag; a directory's jar is read as it is. `releases` are the kept bytes, of a release that the job went back to:
    whatever lies under the jar's name meanwhile, a later UPDATE without a jar runs these.
    """

    place: Literal["uploads", "directory", "releases"]
    name: str
    etag: str | None = None
    last_modified: datetime | None = None


class Release(Model):
    """A jar and its spec. The bytes are kept as `<job>/<sha256>.jar`, so that a rollback has them."""

    sha256: Sha256
    size_bytes: int
    jar_name: str
    spec: Spec
    source: JarSource

    @property
    def id(self) -> str:
        """SHA-256 (hex) of jar and spec together."""
        fields = self.spec.model_dump(mode="json") | {"args": _args_of_id(self.spec.args)}
        for name in OF_TAKING:
            fields.pop(name, None)
        spec = json.dumps(fields, sort_keys=True)  # the order of keys makes no other release
        return hashlib.sha256(f"{self.sha256}\n{spec}".encode()).hexdigest()

    @property
    def label(self) -> str:
        """The release as messages name it: its jar's name, and the beginning of its id."""
        return f"the release {self.jar_name} {self.id[:12]}"

    def same_as(self, other: Release | None) -> bool:
        """Whether both would run the same bytes in the same way."""
        return other is not None and self.id == other.id

    def taken_as(self, other: Release) -> Release:
        """Return this release, to be taken as another one says that is the same."""
        terms = {name: getattr(other.spec, name) for name in OF_TAKING}
        return self.model_copy(update={"spec": self.spec.model_copy(update=terms)})


class KeptRelease(Model):
    """A release whose bytes are kept, since when, and by which operation; it stands beside the bytes."""

    release: Release
    kept_at: datetime
    operation: str


def _args_of_id(args: str | tuple[str, ...]) -> str | list[str]:
    """Return arguments as older versions recorded them, where that says the same: both are one release."""
    if isinstance(args, str):
        return args
    return " ".join(args) if all(_PLAIN_WORD.fullmatch(word) for word in args) else list(args)


def parallelism_of(text: str) -> int:
    """Return the parallelism that the API carries as text in flinkConfiguration.

    Raises:
        Refused: it is no whole number of at least 1.

    """
    if not _WHOLE_NUMBER.fullmatch(text.strip()):
        message = f"parallelism must be a whole number of at least 1, not {text[:32]!r}"
        raise Refused(message, code="InvalidBody", status=400)
    return int(text)
