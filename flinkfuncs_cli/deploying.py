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

The operation is the one whose cause names our blob and its ETag; with a job.json its digest, and a time that is not
before ours. A first upload's job answers 404 until the app has seen the blob: at the event, or at the next sweep.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from .api import Api, segment
from .console import Console, Json
from .exits import VERDICTS, Exit, Failure
from .following import Deadline, Looks, follow, outcome_of, report
from .plans import lines, verdict_of
from .remarks import FIELDS, given, of_pipeline
from .upload import Blob, Container, bare

JOB_NAME = re.compile(r"[a-z0-9-]{1,63}")
FIND_SECONDS = 120  # without --wait; the sweeper comes round every 30 s
UPLOADS_EVERY = 5  # looks; that list costs the app more than a job's own
OF_ONE_VERSION = ("savePointName", "plan", "again", *FIELDS)  # of a job.json: not kept in the next one
PLAIN_ASCII = "".join(chr(number) for number in range(0x20, 0x7F) if chr(number) != "%")


@dataclass(frozen=True)
class Release:
    """What was uploaded."""

    job: str
    jar: Blob
    job_json: Blob | None = None
    job_json_sha256: str | None = None

    def is_cause_of(self, operation: Json) -> bool:
        """Whether the app made the operation of this upload."""
        blob, _, etag = str((operation.get("cause") or {}).get("detail", "")).rpartition(" ")
        if (operation.get("cause") or {}).get("kind") != "upload":
            return False
        if self.job_json and (blob, bare(etag)) == (self.job_json.name, self.job_json.etag):
            return True  # it was refused for its job.json
        if (blob, bare(etag)) != (self.jar.name, self.jar.etag):
            return False
        request = operation.get("request") or {}
        if self.job_json is None:
            return True
        same = request.get("jobJsonSha256") == self.job_json_sha256
        return same and _time((request.get("jar") or {}).get("lastModified"), self.job_json.at) >= self.job_json.at

    def is_shown_by(self, upload: Json) -> bool:
        """Whether a line of the list of uploads is about it, and no operation is."""
        ours = [blob for blob in (self.jar, self.job_json) if blob and blob.name == upload.get("blob")]
        return not upload.get("operation") and any(_time(upload.get("at"), b.at) >= b.at for b in ours)


@dataclass(frozen=True)
class Intended:
    """What is to be uploaded."""

    job: str
    folder: str
    jar: Path
    sha256: str
    described: Json | None  # the job.json but for its jar; None: there is to be none

    @property
    def place(self) -> str:
        """The folder of the job's uploads."""
        return f"{self.folder}/{self.job}"

    @property
    def job_json(self) -> Json | None:
        """The job.json, without what is said of one upload alone."""
        if self.described is None:
            return None
        name = f"{self.jar.stem}-{self.sha256[:12]}.jar"
        return {**self.described, "jar": name, "sha256": self.sha256}


def deploy(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Upload a jar, and follow what the app makes of it."""
    if args.plan and args.plan_id:
        raise Failure(Exit.USAGE, "--plan and --plan-id exclude each other: --plan makes its own plan")
    remarks = given(args)
    container = Container(api.config, console)
    console.come_back = "nothing was deployed; run the same command to continue the upload"
    wanted = intended(args, container, console)
    plan_id = args.plan_id
    if args.plan:
        plan_id = _approved(planned(wanted, args, container, api), args, console)
    once = {"plan": plan_id, "again": args.again or None}
    once = {name: value for name, value in once.items() if value is not None}
    release = _upload(wanted, once, remarks, container, console)
    look = f"flinkfuncs operations --job {args.job}, flinkfuncs uploads"
    console.come_back = f"the upload is complete, and the app continues with it; to check: {look}"
    deadline = Deadline(args.timeout if args.wait else min(args.timeout, FIND_SECONDS))
    operation = _operation(release, api, console, deadline)
    if operation is None:
        if console.as_json:
            console.json({"blob": release.jar.name, "etag": release.jar.etag, "operation": None})
        else:
            console.line(release.jar.name)
        console.problem(f"{release.jar.name} is uploaded, but the app shows no operation for it yet; to check: {look}")
        return Exit.OPEN
    console.say(f"{operation.get('id')} {(operation.get('request') or {}).get('action', '')} of {args.job}")
    if outcome_of(operation) is None and _is_paused(args.job, api):
        console.say(f"the uploads of {args.job} are paused; to release this one: flinkfuncs resume {args.job}")
    if args.wait:
        operation = follow(api, console, operation, deadline)
    ending = report(console, operation, waited=args.wait)
    if (operation.get("result") or {}).get("code") == "RolledBackBefore":
        console.say("to deploy this release in spite of that: add --again")
    return ending


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
    described = _description(f"{folder}/{args.job}/job.json", args.job_json, _spec(args), container, console)
    with jar.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Intended(args.job, folder, jar, sha256, described)


def planned(wanted: Intended, args: argparse.Namespace, container: Container, api: Api) -> Json:
    """Return the app's plan of an upload that has not been made."""
    name = f"plans/{wanted.sha256[:32]}/{wanted.jar.name}"
    if container.find(name, wanted.jar.stat().st_size) is None:
        container.put_file(name, wanted.jar)
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


def _upload(wanted: Intended, once: Json, remarks: Json, container: Container, console: Console) -> Release:
    job, place, jar, described = wanted.job, wanted.place, wanted.jar, wanted.job_json
    ours = of_pipeline(console.ci)
    there = None
    if described is None:
        release = Release(job, container.put_file(f"{place}/{jar.name}", jar, metadata_of({**ours, **remarks, **once})))
    else:
        name = str(described["jar"])
        text = json.dumps({**ours, **described, **remarks, **once}, indent=2).encode()
        description = container.put_small(f"{place}/job.json", text)
        there = container.find(f"{place}/{name}", jar.stat().st_size)
        console.say(f"uploaded {description.name}")
        bytes_there = there or container.put_file(f"{place}/{name}", jar)
        release = Release(job, bytes_there, description, hashlib.sha256(text).hexdigest())
    was = f"{release.jar.name} exists already" if there else f"uploaded {release.jar.name}"
    console.say(f"{was}; waiting for the app to find it")
    return release


def metadata_of(said: Json) -> dict[str, str]:
    """Return what is said of a jar without a job.json as the metadata of its blob.

    The names are in lower case, since not every client keeps theirs, and what is not plain ASCII, or is a `%`, is
    percent-encoded, since a header holds nothing else.
    """
    texts = {name.lower(): "true" if value is True else str(value) for name, value in said.items()}
    return {name: quote(text, safe=PLAIN_ASCII) for name, text in texts.items()}


def _description(blob: str, file: str | None, given: Json, container: Container, console: Console) -> Json | None:
    """Return what the job.json says, but for the jar; None: there is to be none."""
    if file:
        try:
            return {**_object(Path(file).read_bytes(), file), **given}
        except OSError as error:
            raise Failure(Exit.USAGE, f"{file} cannot be read: {error}") from None
    there = container.read_small(blob)
    if there is not None:
        console.say(f"keeps the content of {blob}" + (f", except {', '.join(given)}" if given else ""))
        kept = {name: value for name, value in _object(there, blob).items() if name not in OF_ONE_VERSION}
        return {**kept, **given}
    if given:
        console.say(f"{blob} is made of the options; it is the whole spec, so all other fields have their defaults")
    return given or None


def _object(text: bytes, what: str) -> Json:
    try:
        described = json.loads(text.decode("utf-8-sig"))
    except ValueError as error:
        raise Failure(Exit.USAGE, f"{what} is not JSON: {error}") from None
    if not isinstance(described, dict):
        raise Failure(Exit.USAGE, f"{what} is not a JSON object")
    return described


def _operation(release: Release, api: Api, console: Console, deadline: Deadline) -> Json | None:
    """Return the operation that the app made of the upload, or None where there is none in time.

    Raises:
        Failure: the upload was refused without one.

    """
    looks, said, number = Looks(console), "", 0
    while True:
        found = looks.try_to(lambda: _operations(release, api)) or {}
        for operation in found.get("operations") or []:
            if release.is_cause_of(operation):
                return dict(operation)
        number += 1
        if number % UPLOADS_EVERY == 0:
            listed = looks.try_to(lambda: api.get("/api/uploads")) or {}
            for upload in filter(release.is_shown_by, listed.get("uploads") or []):
                words = str(upload.get("message", ""))
                if upload.get("state") == "rejected":
                    raise Failure(Exit.REFUSED, f"{upload.get('blob')}: {words}", code=upload.get("code"))
                if words != said:
                    console.say(f"{upload.get('blob')} {words}")
                said = words
        if deadline.is_over:
            return None
        deadline.sleep()


def _operations(release: Release, api: Api) -> Json:
    try:
        return {"operations": api.all("/api/operations", "operations", job=release.job)}
    except Failure as failure:
        if failure.code == "JobNotFound":  # the app has not seen the job's first upload yet
            return {}
        raise


def _time(text: object, default: datetime) -> datetime:
    """Read a time; one that cannot be read speaks neither for nor against."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return default
    return at if at.tzinfo else default
