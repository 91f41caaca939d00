"""deploy: a jar into the container, and the operation that the app makes of it; and the plan of that.

    options given   job.json in the container   what is uploaded
    --------------  --------------------------  ------------------------------------------------------------------------
    no              no                          the jar under its own name; the job keeps its recorded spec
    yes             no                          a job.json of them, then the jar: what it leaves out has its default
    no              yes                         that job.json, which names the new jar now, then the jar
    yes             yes                         that job.json with the options over it, then the jar
    --job-json      any                         the file with the options over it, then the jar

Options are those of the spec. What is said of one upload alone (--reason, --build-url, --commit, --plan-id, --again)
goes into the job.json where there is one, and else into the jar's metadata: a job.json holds the whole spec, so one
that had a reason alone would reset the spec to its defaults.

With a job.json the jar's name holds its digest, `orders-3f2a9c1b7d4e.jar`, and the job.json names and pins it. So both
are one release: a job.json that names a jar which is there already would be a release by itself, with the old bytes.
Of a job.json in the container is left out what counts once, for that version of the file: `savePointName`, and what is
said of one upload.

A plan takes the same jar and the same job.json. Its bytes lie under `plans/<digest>/<name>`, where no trigger takes
them, and a second plan of them uploads nothing.

A deploy that repeats another one finds all of it there, and writes nothing: finding.py says when it follows the first
one's operation. With --plan it does so before it makes another plan, whose id would be another one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .api import Api, segment
from .console import Console, Json
from .exits import VERDICTS, Exit, Failure
from .finding import FIND_SECONDS, Again, Release, Stands, operation_of, standing
from .following import Deadline, come_back, follow, outcome_of, report
from .plans import lines, verdict_of
from .reading import SHORT_ID
from .remarks import FIELDS, given, of_pipeline
from .upload import Blob, Container, Found

JOB_NAME = re.compile(r"[a-z0-9-]{1,63}")
OF_ONE_VERSION = ("savePointName", "plan", "again", *FIELDS)  # of a job.json: not kept in the next one
JOB_JSON = "job.json"
NOTHING_YET = "nothing was deployed; run the same command to continue the upload"
PLAIN_ASCII = "".join(chr(number) for number in range(0x20, 0x7F) if chr(number) != "%")


@dataclass(frozen=True)
class Intended:
    """What is to be uploaded."""

    job: str
    folder: str
    jar: Path
    sha256: str
    described: Json | None  # the job.json but for its jar; None: there is to be none
    there: Found | None  # the job.json that lies there

    @property
    def place(self) -> str:
        """The folder of the job's uploads."""
        return f"{self.folder}/{self.job}"

    @property
    def name(self) -> str:
        """The jar's own name, with its digest where a job.json names it."""
        return self.jar.name if self.described is None else f"{self.jar.stem}-{self.sha256[:12]}.jar"

    @property
    def job_json(self) -> Json | None:
        """The job.json, without what is said of one upload alone."""
        return None if self.described is None else {**self.described, "jar": self.name, "sha256": self.sha256}


@dataclass(frozen=True)
class Content:
    """What is written beside the bytes of the jar: a job.json, or the jar's metadata."""

    job_json: Json | None
    metadata: Mapping[str, str]

    def is_in(self, jar: Found, job_json: Found | None, *, any_plan: bool) -> bool:
        """Whether it lies there; with `any_plan` it has to keep to a plan there, whichever."""
        if self.job_json is None:
            return jar.metadata == _planned_as(jar.metadata, self.metadata, any_plan=any_plan)
        there = _parsed(job_json.content) if job_json else None
        return there is not None and _same(there, _planned_as(there, self.job_json, any_plan=any_plan))


@dataclass(frozen=True)
class Made:
    """An upload, and its operation; None: it was not found in time."""

    release: Release
    operation: Json | None
    deadline: Deadline
    is_earlier: bool = False  # an earlier run of the command made it


def deploy(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Upload a jar, unless all of it lies there already, and follow what the app makes of it."""
    if args.plan and args.plan_id:
        raise Failure(Exit.USAGE, "--plan and --plan-id exclude each other: --plan makes its own plan")
    remarks = given(args)
    container = Container(api.config, console)
    console.come_back = NOTHING_YET
    wanted = intended(args, container, console)
    there = container.look(f"{wanted.place}/{wanted.name}")
    earlier = _earlier(wanted, there, _content(wanted, args, remarks, console), container, any_plan=args.plan)
    made = _followed(earlier, args, api, console) if earlier else None
    if made is None:
        if args.plan:
            args.plan_id = _approved(planned(wanted, args, container, api), args, console)
        release = _upload(wanted, there, _content(wanted, args, remarks, console), container, console)
        deadline = _deadline(args)
        made = Made(release, operation_of(release, api, console, deadline), deadline)
    return _ended(made, args, api, console)


def _followed(release: Release, args: argparse.Namespace, api: Api, console: Console) -> Made | None:
    """Return an upload that lies there with its operation, where it is what is asked for now."""
    console.come_back = _complete(args.job)
    console.say(f"{release.jar.name} is uploaded already; looking for its operation")
    deadline = _deadline(args)
    match standing(release, api, console, deadline):
        case Stands(operation):
            if operation:
                following = "; following it" if args.wait and outcome_of(operation) is None else ""
                console.say(f"this upload is already operation {operation.get('id')}{following}")
            return Made(release, operation, deadline, is_earlier=True)
        case Again(why):
            console.say(f"uploading it again: {why}")
            console.come_back = NOTHING_YET
            return None


def _ended(made: Made, args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Follow an operation where somebody waits for it, and report it."""
    jar, operation = made.release.jar, made.operation
    if operation is None:
        if console.as_json:
            console.json({"blob": jar.name, "etag": jar.etag, "operation": None})
        else:
            console.line(jar.name)
        console.problem(f"{jar.name} is uploaded, but the app shows no operation for it yet; {_look(args.job)}")
        return Exit.OPEN
    console.come_back = come_back(operation)
    console.say(f"{operation.get('id')} {(operation.get('request') or {}).get('action', '')} of {args.job}")
    if outcome_of(operation) is None and _is_paused(args.job, api):
        console.say(f"the uploads of {args.job} are paused; to release this one: flinkfuncs resume {args.job}")
    if args.wait:
        operation = follow(api, console, operation, made.deadline)
    ending = report(console, operation, waited=args.wait)
    was_rolled_back = (operation.get("result") or {}).get("code") == "RolledBackBefore"
    if was_rolled_back or (made.is_earlier and ending is Exit.ROLLED_BACK):
        number = str((operation.get("release") or {}).get("id", "RELEASE"))[:SHORT_ID]
        way = f"flinkfuncs rollback {args.job} {number}" if args.again else "add --again"
        console.say(f"to deploy this release in spite of that: {way}")
    return ending


def _deadline(args: argparse.Namespace) -> Deadline:
    return Deadline(args.timeout if args.wait else min(args.timeout, FIND_SECONDS))


def _complete(job: str) -> str:
    return f"the upload is complete, and the app continues with it; {_look(job)}"


def _look(job: str) -> str:
    return f"to check: flinkfuncs operations --job {job}, flinkfuncs uploads"


def _is_paused(job: str, api: Api) -> bool:
    """Whether the job's uploads are held; no answer is no reason to end."""
    try:
        return bool(api.get(f"/api/jobs/{segment(job)}/uploads").get("paused"))
    except Failure:
        return False


def _approved(plan: Json, args: argparse.Namespace, console: Console) -> str:
    """Show a plan, and return its id where it is to be carried out.

    Raises:
        Failure: it would be refused, nobody can tell, or a person said no.

    """
    console.paragraphs(lines(plan, args.job, datetime.now(UTC)), for_people=True)
    ending, verdict = VERDICTS.get(str(plan.get("verdict")), Exit.FAILED), plan.get("verdict")
    if ending is Exit.REFUSED:
        raise Failure(Exit.REFUSED, f"nothing was deployed: {verdict_of(plan, args.job)}", code=plan.get("code"))
    if verdict != "NOTHING_TO_DO" and not args.yes:
        answer = console.confirm(f"deploy {args.job}?")
        if answer is None and ending is not Exit.DONE:
            why = f"nothing was deployed: {verdict_of(plan, args.job)}; add --yes to deploy anyway"
            raise Failure(ending, why, code=plan.get("code"))
        if answer is False:
            raise Failure(Exit.USAGE, "deploy was not confirmed; nothing was deployed")
    return str(plan.get("id"))


def intended(args: argparse.Namespace, container: Container, console: Console) -> Intended:
    """Return what is to be uploaded, by the options and by the job.json in the container."""
    jar, folder = Path(args.jar), "stateless" if args.stateless else "stateful"
    if not JOB_NAME.fullmatch(args.job):
        raise Failure(Exit.USAGE, f"{args.job!r} is not a job name: use 1 to 63 lower case letters, digits and '-'")
    if not jar.is_file():
        raise Failure(Exit.USAGE, f"there is no file {args.jar}")
    if not jar.name.lower().endswith(".jar") or jar.stat().st_size == 0:
        raise Failure(Exit.USAGE, f"{args.jar} is empty, or its name does not end in .jar")
    blob = f"{folder}/{args.job}/{JOB_JSON}"
    there = container.read_small(blob)
    described = _description(there, blob, args.job_json, _spec(args), console)
    with jar.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Intended(args.job, folder, jar, sha256, described, there)


def planned(wanted: Intended, args: argparse.Namespace, container: Container, api: Api) -> Json:
    """Return the app's plan of an upload that has not been made."""
    name = f"plans/{wanted.sha256[:32]}/{wanted.jar.name}"
    there = container.look(name)
    if there is None or there.size_bytes != wanted.jar.stat().st_size:
        container.put_file(name, wanted.jar, there)
    body: Json = {"jar": name, "folder": wanted.folder}
    again = {"again": True} if args.again else {}
    job_json = wanted.job_json
    body |= again if job_json is None else {"jobJson": {**job_json, **again}}
    return api.plan(f"/api/jobs/{segment(wanted.job)}/plan", body)


def _spec(args: argparse.Namespace) -> Json:
    """Return the fields of a job.json that options name."""
    fields = {
        "args": args.args,
        "entryClass": args.entry_class,
        "parallelism": args.parallelism,
        "savePointName": args.savepoint,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _content(wanted: Intended, args: argparse.Namespace, remarks: Json, console: Console) -> Content:
    """Return what is to be written, with what is said of this upload alone."""
    once = {**remarks, "plan": args.plan_id, "again": args.again or None}
    said = {name: value for name, value in once.items() if value is not None}
    ours, described = of_pipeline(console.ci), wanted.job_json
    if described is None:
        return Content(None, metadata_of({**ours, **said}))
    return Content({**ours, **described, **said}, {})


def _earlier(
    wanted: Intended, jar: Found | None, content: Content, container: Container, *, any_plan: bool
) -> Release | None:
    """Return the upload that lies there, if it is all that this one would write."""
    if jar is None or not content.is_in(jar, wanted.there, any_plan=any_plan):
        return None
    if wanted.there is None:
        is_whole = container.holds(jar, wanted.jar)
        return Release(wanted.job, jar, age_seconds=_age_seconds(jar)) if is_whole else None
    if jar.size_bytes != wanted.jar.stat().st_size:
        return None
    digest = hashlib.sha256(wanted.there.content).hexdigest()
    return Release(wanted.job, jar, wanted.there, digest, _age_seconds(jar, wanted.there))


def _age_seconds(jar: Found, *beside: Found) -> float:
    """Return the age of an upload, which is as old as its newest blob, by storage's clock."""
    return (jar.seen_at - max(blob.at for blob in (jar, *beside))).total_seconds()


def _upload(wanted: Intended, jar: Found | None, content: Content, container: Container, console: Console) -> Release:
    """Write what is to be deployed; `jar` is what lies under its name."""
    blob = f"{wanted.place}/{wanted.name}"
    if content.job_json is None:
        written = container.put_file(blob, wanted.jar, jar, content.metadata)
        console.come_back = _complete(wanted.job)
        console.say(f"uploaded {written.name}; waiting for the app to find it")
        return Release(wanted.job, written)
    description: Blob
    there = jar if jar and jar.size_bytes == wanted.jar.stat().st_size else None
    if wanted.there and there is None and _same(_parsed(wanted.there.content), content.job_json):
        text, description = wanted.there.content, wanted.there  # the upload of the jar was interrupted
    else:
        text = json.dumps(content.job_json, indent=2).encode()
        description = container.put_small(f"{wanted.place}/{JOB_JSON}", text, wanted.there)
        console.say(f"uploaded {description.name}")
    written = there or container.put_file(blob, wanted.jar, jar)
    console.come_back = _complete(wanted.job)
    was = f"{written.name} exists already" if there else f"uploaded {written.name}"
    console.say(f"{was}; waiting for the app to find it")
    return Release(wanted.job, written, description, hashlib.sha256(text).hexdigest())


def metadata_of(said: Json) -> dict[str, str]:
    """Return what is said of a jar without a job.json as the metadata of its blob.

    The names are in lower case, since not every client keeps theirs, and what is not plain ASCII, or is a `%`, is
    percent-encoded, since a header holds nothing else.
    """
    texts = {name.lower(): "true" if value is True else str(value) for name, value in said.items()}
    return {name: quote(text, safe=PLAIN_ASCII) for name, text in texts.items()}


def _description(there: Found | None, blob: str, file: str | None, given: Json, console: Console) -> Json | None:
    """Return what the job.json says, but for the jar; None: there is to be none."""
    if file:
        try:
            return {**_object(Path(file).read_bytes(), file), **given}
        except OSError as error:
            raise Failure(Exit.USAGE, f"{file} cannot be read: {error}") from None
    if there is not None:
        console.say(f"keeps the content of {blob}" + (f", except {', '.join(given)}" if given else ""))
        kept = {name: value for name, value in _object(there.content, blob).items() if name not in OF_ONE_VERSION}
        return {**kept, **given}
    if given:
        console.say(f"{blob} is made of the options; it is the whole spec, so all other fields have their defaults")
    return given or None


def _planned_as(there: Mapping[str, Any], ours: Mapping[str, Any], *, any_plan: bool) -> Json:
    """Return what is to lie there; with `any_plan` it names the plan that is named there, or else none that is."""
    return {**ours, "plan": there.get("plan")} if any_plan else {**ours}


def _same(one: object, other: object) -> bool:
    """Whether two JSON values are the same, in any order of their fields; Python takes 1 and true for equal."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _parsed(text: bytes) -> Json | None:
    try:
        value = json.loads(text.decode("utf-8-sig"))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _object(text: bytes, what: str) -> Json:
    try:
        described = json.loads(text.decode("utf-8-sig"))
    except ValueError as error:
        raise Failure(Exit.USAGE, f"{what} is not JSON: {error}") from None
    if not isinstance(described, dict):
        raise Failure(Exit.USAGE, f"{what} is not a JSON object")
    return described
