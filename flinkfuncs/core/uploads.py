"""What an uploaded blob means: which job, which folder, and which jar with which spec makes a release.

stateful/<job>/<any>.jar      UPDATE (the suffix in any case)
stateless/<job>/<any>.jar     STATELESS_UPDATE
…/<job>/job.json              the rest of the spec; where it exists, only the pair of it and its jar is a release

A jar without a job.json keeps the job's recorded spec. What is said of such an upload is metadata of its blob:

    metadata                       what it is
    -----------------------------  ---------------------------------------------------------------------------------
    reason, buildurl, commit       as in a job.json; one that is not valid says nothing: others set metadata, too
    plan, again                    as in a job.json; one that is not valid is refused: it would have held the upload
    any other                      not ours

Values are percent-encoded where they are not plain ASCII.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote

from pydantic import ValidationError

from .actions import Action
from .errors import Refused
from .model import canonical, parse_json
from .names import JobName
from .operations import PlanId
from .releases import FlinkJobId, Sha256, SpecPatch
from .remarks import IN_JSON, REMARKS, Remarks

JOB_JSON = "job.json"
LONGEST_NAME = 200  # characters, of a file that comes over HTTP
PLANS = "plans/"  # the folder of the jars container whose jars nobody takes for uploads
_PLAIN_ASCII = "".join(chr(number) for number in range(0x20, 0x7F) if chr(number) != "%")
Folder = Literal["stateful", "stateless"]
ACTIONS: dict[Folder, Action] = {"stateful": Action.UPDATE, "stateless": Action.STATELESS_UPDATE}


class JobJson(SpecPatch, Remarks):
    """A job.json: the spec, the jar beside it, and what the uploader accepts.

    {"jar": "orders.jar", "entryClass": "com.example.Orders", "args": "--topic orders", "parallelism": 4}
    """

    jar: str
    sha256: Sha256 | None = None
    switch_mode: bool = False
    save_point_name: str | None = None
    adopt: FlinkJobId | None = None  # looked at in a first contact only
    again: bool = False  # try a release that was rolled back, once for each version of this file
    hold_after_rollback: bool | None = None  # None: as the setting says
    plan: PlanId | None = None

    def spec(self) -> SpecPatch:
        """Return the fields of the spec that the file sets."""
        return SpecPatch(**{name: getattr(self, name) for name in self.model_fields_set & set(SpecPatch.model_fields)})


class JarMetadata(Remarks):
    """What is said of a jar that has no job.json."""

    plan: PlanId | None = None
    again: bool = False


SAID_OF_JARS = frozenset(str(field.alias).lower() for field in JarMetadata.model_fields.values())


@dataclass(frozen=True)
class UploadPath:
    """The name of a blob in the jars container, taken apart."""

    folder: Folder
    job: JobName
    file: str

    @property
    def blob(self) -> str:
        """The blob's whole name."""
        return f"{self.folder}/{self.job}/{self.file}"

    @property
    def action(self) -> Action:
        """What an upload into this folder asks for."""
        return ACTIONS[self.folder]

    def beside(self, file: str) -> UploadPath:
        """Return the path of another file of the same job."""
        return UploadPath(self.folder, self.job, file)


@dataclass(frozen=True)
class Target:
    """Where a file is to lie that comes over HTTP."""

    job: JobName
    folder: Folder | Literal["plans"]
    file: str

    def __post_init__(self) -> None:
        """Refuse what no upload may be called, and a job.json for a plan, which takes it in its body (400)."""
        if self.file != JOB_JSON:
            require_plain(self.file)
        if "/" in self.file or len(self.file) > LONGEST_NAME or (self.file == JOB_JSON and self.folder == "plans"):
            raise Refused(f"{self.file[:128]!r} cannot lie in {self.folder}/", code="InvalidPath", status=400)

    def blob(self, sha256: str) -> str:
        """Name the blob, given the digest of its bytes."""
        if self.folder == "plans":
            return f"{PLANS}{sha256[:32]}/{self.file}"
        return f"{self.folder}/{self.job}/{self.file}"


def parse_path(blob: str) -> UploadPath:
    """Take a blob's name apart.

    Raises:
        Refused: it lies in neither folder, deeper than `<folder>/<job>/<file>`, or under what is no job's name.

    """
    folder, _, rest = blob.partition("/")
    job, _, file = rest.partition("/")
    if folder not in ACTIONS or not file or "/" in file:
        raise Refused(
            f"{blob[:128]!r} is not stateful/<job>/<file> or stateless/<job>/<file>", code="InvalidPath", status=400
        )
    return UploadPath(folder, JobName(job), file)


def parse_job_json(text: bytes) -> JobJson:
    """Read a job.json.

    Raises:
        Refused: it is no JSON, has unknown or wrong fields, or names no jar beside it.

    """
    described = parse_json(JobJson, text, what=JOB_JSON)
    require_jar_beside(described)
    return described


def require_jar_beside(described: JobJson) -> None:
    """Refuse a job.json that names no jar beside it (400)."""
    if "/" in described.jar or not is_jar(described.jar):
        raise Refused(f"job.json names no jar beside it: {described.jar[:64]!r}", code="InvalidBody", status=400)


def parse_metadata(metadata: Mapping[str, str]) -> JarMetadata:
    """Read what is said of a jar without a job.json.

    Raises:
        Refused: it names no plan, or says neither true nor false of `again`.

    """
    texts = {name.lower(): unquote(text).strip() for name, text in metadata.items()}
    strict = {name: texts[name] for name in ("plan", "again") if name in texts}
    held = parse_json(JarMetadata, json.dumps(strict), what="the jar's metadata")
    remarks = {}
    for name, field in Remarks.model_fields.items():
        with suppress(ValidationError):
            said = Remarks.model_validate({name: texts.get(str(field.alias).lower())})
            remarks[name] = getattr(said, name)
    return held.model_copy(update=remarks)


def metadata_of(said: JarMetadata) -> dict[str, str]:
    """Write what is said of a jar without a job.json as the metadata of its blob."""
    values = said.model_dump(by_alias=True, exclude_defaults=True)
    texts = {name.lower(): "true" if value is True else str(value) for name, value in values.items()}
    return {name: quote(text, safe=_PLAIN_ASCII) for name, text in texts.items()}


def digest_without_remarks(text: bytes, described: JobJson) -> str | None:
    """Return the SHA-256 of all that a job.json says but its remarks and its plan; None where it has none."""
    if not described.model_fields_set & (REMARKS | {"plan"}):
        return None
    return hashlib.sha256(canonical(text, without=IN_JSON | {"plan"}).encode()).hexdigest()


def require_plain(name: str) -> None:
    """Refuse what is not the plain name of a jar; dots would lead a URL elsewhere (400)."""
    plain = name.isprintable() and "\\" not in name and not {"", ".", ".."} & set(name.split("/"))
    if not (plain and is_jar(name)):
        raise Refused(f"{name[:128]!r} is not the plain name of a jar", code="InvalidPath", status=400)


def is_jar(file: str) -> bool:
    """Whether a file is called like a jar; Windows and some build tools write the suffix in capitals."""
    return file.lower().endswith(".jar")
