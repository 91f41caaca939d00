"""Which operation did the app make of an upload, and is an upload that lies there the one that a deploy asks for?

The operation is the one whose cause names our blob and its ETag; with a job.json its digest, and a time that is not
before ours. A first upload's job answers 404 until the app has seen the blob: at the event, or at the next sweep.

A deploy may repeat one whose answer was lost. Where everything that it would write lies there already, it looks for the
operation of that upload, and follows it as long as that says what a new upload would come to:

    its operation              since then                           the deploy
    -------------------------  -----------------------------------  ------------------------
    open, or held              anything                             follows it
    SUCCEEDED, UNPROVEN,       nothing else has touched the job     follows it
    ROLLED_BACK                the job has failed, or is gone       uploads again
                               another operation, open or ended     uploads again
    ended in another way       anything                             uploads again: a new try
    none, of a young upload    anything                             waits for it
    none                       anything                             uploads again

A savepoint touches no job, nor does what was refused or superseded. An upload is young as long as the app may not have
seen it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from .api import Api, segment
from .console import Console, Json
from .exits import Exit, Failure
from .following import Deadline, Looks, outcome_of
from .upload import Blob, bare

FIND_SECONDS = 120  # for the app to see an upload; the sweeper comes round every 30 s
UPLOADS_EVERY = 5  # looks; that list costs the app more than a job's own
PAGE = "20"  # operations
SETTLED = ("SUCCEEDED", "UNPROVEN", "ROLLED_BACK")
UNTOUCHED = ("REFUSED", "SUPERSEDED")
OF_SAVEPOINTS = ("SAVEPOINT", "LIST_SAVEPOINT")
GONE = ("FAILED", "VANISHED", "DELETED")  # an upload of the release that a job runs starts it again


@dataclass(frozen=True)
class Release:
    """What was uploaded."""

    job: str
    jar: Blob
    job_json: Blob | None = None
    job_json_sha256: str | None = None
    age_seconds: float = 0.0

    @property
    def is_young(self) -> bool:
        """Whether the app may not have seen it yet."""
        return self.age_seconds < FIND_SECONDS

    @property
    def first_id(self) -> str:
        """No operation of it has a lower id: ids begin with the upload's time."""
        return f"{(self.job_json or self.jar).at:%Y%m%dT%H%M%SZ}"

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
class Stands:
    """An upload that lies there is what the deploy asks for; None: no operation of it is known yet."""

    operation: Json | None


@dataclass(frozen=True)
class Again:
    """An upload that lies there has to be made again."""

    why: str


def standing(release: Release, api: Api, console: Console, deadline: Deadline) -> Stands | Again:
    """Judge an upload that lies there, by the table above; while the app does not answer it stands.

    Raises:
        Failure: the app refuses to show it, or has refused the upload without an operation.

    """
    looks = Looks(console)
    while (judged := looks.try_to(lambda: _judged(release, api))) is None:
        if deadline.is_over:
            return Stands(None)
        deadline.sleep()
    return Stands(operation_of(release, api, console, deadline)) if judged == Stands(None) else judged


def operation_of(release: Release, api: Api, console: Console, deadline: Deadline) -> Json | None:
    """Return the operation that the app made of the upload, or None where there is none in time.

    Raises:
        Failure: the upload was refused without one.

    """
    looks, said, number = Looks(console), "", 0
    while True:
        found = looks.try_to(lambda: next(filter(release.is_cause_of, _operations(release, api)), None))
        if found:
            return found
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


def _judged(release: Release, api: Api) -> Stands | Again:
    if ours := next(filter(release.is_cause_of, _operations(release, api, state="open")), None):
        return Stands(ours)
    touched = False
    for operation in _operations(release, api):
        if release.is_cause_of(operation):
            return _judged_by(operation, api, touched=touched)
        touched = touched or _touches(operation)
        if touched and not release.is_young:
            break  # its own, which may be months back, cannot count any more
    if release.is_young:
        return Stands(None)
    return Again(f"{release.job} has had other operations since" if touched else "the app shows no operation for it")


def _judged_by(ours: Json, api: Api, *, touched: bool) -> Stands | Again:
    """Judge an upload by its operation; `touched`: another one may have changed the job since."""
    job, outcome = str(ours.get("job")), outcome_of(ours)
    if outcome is None:
        return Stands(ours)
    if outcome not in SETTLED:
        return Again(f"its operation {ours.get('id')} ended as {outcome}")
    if touched:
        return Again(f"{job} has had other operations since {ours.get('id')}")
    status = _status(job, api)
    return Again(f"{job} is {status} since") if status in GONE else Stands(ours)


def _status(job: str, api: Api) -> str:
    try:
        return str(api.get(f"/api/jobs/{segment(job)}").get("status"))
    except Failure as failure:
        if failure.code == "JobNotFound":
            return "DELETED"
        raise


def _touches(operation: Json) -> bool:
    """Whether an operation may have changed something about its job."""
    action = (operation.get("request") or {}).get("action")
    return action not in OF_SAVEPOINTS and outcome_of(operation) not in UNTOUCHED


def _operations(release: Release, api: Api, state: str | None = None) -> Iterator[Json]:
    """Yield the job's operations, newest first, from now back to the time of the upload."""
    try:
        for page in api.pages("/api/operations", job=release.job, state=state, top=PAGE):
            listed = [one for one in page.get("operations") or [] if isinstance(one, dict)]
            yield from listed
            if any(str(one.get("id", "")) < release.first_id for one in listed):
                return
    except Failure as failure:
        if failure.code != "JobNotFound":  # the app has not seen the job's first upload yet
            raise


def _time(text: object, default: datetime) -> datetime:
    """Read a time; one that cannot be read speaks neither for nor against."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return default
    return at if at.tzinfo else default
