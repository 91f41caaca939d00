"""Which routes are there, what do they take, and what do they reply? The OpenAPI document is made of this table.

It is written by hand, beside the code in `triggers`; tests compare it with the functions that are registered, and with
what they reply. The ARM API of the gateway is not ours to describe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import BaseModel, JsonValue

from ..core.actions import Action
from ..core.model import Model
from ..core.operations import Outcome
from ..runjob import RunJobProperties
from . import examples
from .asked import Abandon, Pause, PlannedUpload
from .codes import OF_CALLERS, OF_CHANGES, OF_KEYS, OF_RECORDS, OF_STORAGE

Schema = Mapping[str, JsonValue]


@dataclass(frozen=True)
class Parameter:
    """Something in the path, the query or a header."""

    name: str
    place: str
    about: str
    schema: Schema
    example: str | int
    required: bool = False  # what is in the path always is


@dataclass(frozen=True)
class Body:
    """What a request may carry."""

    model: type[BaseModel]
    about: str
    example: JsonValue
    required: bool = False


@dataclass(frozen=True)
class Reply:
    """A reply that is not a problem document: an example of its model, None where any object is one;
    `headers` says what each is for.
    """

    status: int
    about: str
    example: Model | None
    headers: Mapping[str, str] = field(default_factory=dict)
    or_else: Model | None = None  # an example of what else it may be


@dataclass(frozen=True)
class Route:
    """One method on one path; `function` is the name under which it is registered."""

    function: str
    method: str
    path: str
    about: str
    replies: tuple[Reply, ...]
    codes: tuple[str, ...]
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    takes_bytes: str = ""  # what the bytes are, where the body is not JSON of a model
    conditional: bool = False  # it has an ETag, and takes If-None-Match

    @property
    def errors(self) -> tuple[str, ...]:
        """Its own codes, and those of the guard before it."""
        guard = OF_CALLERS if self.method == "GET" else (*OF_CALLERS, *OF_CHANGES)
        return (*self.codes, *(code for code in guard if code not in self.codes))


def _top(most: int) -> Parameter:
    schema: Schema = {"type": "integer", "minimum": 1, "maximum": most}
    return Parameter("top", "query", f"How many in a page; {most} where it is not said.", schema, 20)


def _words(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


JOB_NAME: Schema = {"type": "string", "pattern": "^[a-z0-9-]{1,63}$"}
JOB = Parameter("job", "path", "The job's name.", JOB_NAME, "orders")
OPERATION = Parameter("id", "path", "The operation's id.", {"type": "string"}, examples.UPDATED.id)
ACTION = Parameter(
    "action",
    "path",
    "The action, in any case and with `-` or `_`.",
    _words(*(action.lower().replace("_", "-") for action in Action)),
    "stop",
)
PREFER = Parameter(
    "Prefer",
    "header",
    "`wait=N` holds the reply for at most N seconds (up to 200), until the operation has ended.",
    {"type": "string"},
    "wait=60",
)
DRY_RUN = Parameter(
    "dryRun",
    "query",
    "`true`: nothing is recorded or done; the reply says what would be.",
    _words("true", "false"),
    "false",
)
_A_KEY: Schema = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"}
KEY = Parameter(
    "Idempotency-Key",
    "header",
    "Makes a repeat safe: the same key with the same path and body is the same call, for 7 days or longer. With "
    "`dryRun` it is checked, and not recorded.",
    _A_KEY,
    "8e03978e-40d5-43dd-bc93-6894a57f9324",
)
REPEATABILITY = Parameter(
    "Repeatability-Request-ID",
    "header",
    "The same under the name of OASIS; both may be given if they agree.",
    _A_KEY,
    KEY.example,
)
KEYS = (KEY, REPEATABILITY)
KEYS_OF_A_PLAN = tuple(
    replace(key, about="Checked, and not recorded: a plan changes nothing, and each call makes another one.")
    for key in KEYS
)
OF_A_JOB = Parameter("job", "query", "Only the operations of this job.", JOB_NAME, "orders")
STATE = Parameter(
    "state",
    "query",
    "Only those in this state. Without `job`: `open`, or `rejected` for uploads whose name is not one of a job.",
    _words("open", "closed", "rejected"),
    "closed",
)
PAGE = Parameter("page", "query", "Which page: only `nextLink` says it.", {"type": "string"}, "b3JkZXJz")
PAGE_OF_OPERATIONS = replace(PAGE, about=f"{PAGE.about} Not with `state=rejected`, which has one page.")
IF_NONE_MATCH = Parameter(
    "If-None-Match",
    "header",
    "The ETag of an earlier reply: where nothing has changed, the reply is 304.",
    {"type": "string"},
    '"2c26b46b68ffc68ff99b453c1d304134"',
)
OUTCOME = Parameter("outcome", "query", "Only the uploads that ended so.", _words(*Outcome), "REFUSED")

_PLACE: Schema = {"type": "string", "pattern": r"^(job\.json|[^/\\]{1,196}\.[jJ][aA][rR])$"}
FILE = Parameter("name", "path", "The file's name: `job.json`, or that of a jar.", _PLACE, "orders-2.jar")
FOLDER = Parameter(
    "folder",
    "query",
    "Where it is to lie: `stateful` or `stateless` makes it an upload of the job, as if a pipeline had put it there; "
    "`plans` is for jars that a plan names, or the `jar` of an action.",
    _words("stateful", "stateless", "plans"),
    "plans",
    required=True,
)
IF_MATCH = Parameter(
    "If-Match",
    "header",
    "The ETag of the file that this one replaces, or `*` for any; without it nothing is replaced.",
    {"type": "string"},
    '"0x8DD0A1B2C3D4E5F"',
)
_OF_A_JAR = "Of a jar of an upload without a job.json, "
SAID = (
    Parameter("reason", "query", _OF_A_JAR + "why.", {"type": "string"}, "a new schema"),
    Parameter(
        "buildUrl", "query", _OF_A_JAR + "the build that made it.", {"type": "string"}, "https://ci.example/builds/481"
    ),
    Parameter(
        "commit",
        "query",
        _OF_A_JAR + "what that build was made of.",
        {"type": "string", "pattern": "^([0-9A-Fa-f]{7,64})?$"},
        "5c1d0e2",
    ),
    Parameter(
        "plan",
        "query",
        _OF_A_JAR + "the plan that it has to keep to.",
        {"type": "string"},
        "3f2a9c1b7d4e5a60.9b74c9897bac770f",
    ),
    Parameter("again", "query", _OF_A_JAR + "try a release that was rolled back.", _words("true", "false"), "false"),
)

_NO_JOB = ("InvalidJobName", "JobNotFound")
_LOCATION = {"Location": "Where the operation is, relative to the app."}
_APPLIED = {"Preference-Applied": "What was understood of `Prefer`."}
_REPLAYED = {"Idempotency-Replayed": "`true` where the key came before: what is shown is what came of the first call."}

ROUTES = (
    Route(
        "list_jobs",
        "GET",
        "/api/jobs",
        "Every job but the deleted ones, with its status on the cluster; less of each than is shown of one job.",
        (Reply(200, "The jobs, by their names.", examples.JOBS),),
        (*OF_RECORDS, "InvalidQuery"),
        (_top(1000), PAGE),
        conditional=True,
    ),
    Route(
        "show_job",
        "GET",
        "/api/jobs/{job}",
        "One job, and what it can be started from where it does not run.",
        (Reply(200, "The job.", examples.JOB),),
        (*OF_RECORDS, *_NO_JOB),
        (JOB,),
        conditional=True,
    ),
    Route(
        "request_action",
        "POST",
        "/api/jobs/{job}/{action}",
        "Records an operation. Only `new` takes a job that is not there yet.",
        (
            Reply(
                200,
                "With `Prefer: wait=N`: the operation has ended, well or not; its result says how. With `dryRun`: "
                "the plan.",
                examples.UPDATED,
                _LOCATION | _APPLIED | _REPLAYED,
                or_else=examples.PLAN,
            ),
            Reply(
                202,
                "The operation is recorded, and has not ended yet.",
                examples.WAITING,
                _LOCATION | _APPLIED | _REPLAYED | {"Retry-After": "When to look again, in seconds."},
            ),
        ),
        (
            *(*OF_RECORDS, *_NO_JOB, "UnknownAction", "InvalidBody", "BodyTooLarge", "TooManyOperations"),
            *("InvalidDirectory", "OutsideRoot", "InvalidQuery", "PlanChanged", "PlanUnverified"),
            *("ReleaseNotFound", "ReleaseGone", "InvalidPath", "JarNotFound", *OF_KEYS),
        ),
        (JOB, ACTION, PREFER, DRY_RUN, *KEYS),
        Body(
            RunJobProperties,
            "What the action takes; a field that it does not take is refused. None at all is an empty object.",
            {"parallelism": 4, "args": ["--topic", "orders"]},
        ),
    ),
    Route(
        "plan_upload",
        "POST",
        "/api/jobs/{job}/plan",
        "Says what an upload would do that has not been made. Nothing is recorded, and no job is touched.",
        (Reply(200, "The plan.", examples.PLAN),),
        (*OF_RECORDS, "InvalidJobName", "InvalidBody", "InvalidPath", "BodyTooLarge", "JarNotFound", "InvalidKey"),
        (JOB, *KEYS_OF_A_PLAN),
        Body(
            PlannedUpload,
            "Where the jar's bytes are in the jars container, below `plans/` or as an upload; the folder that it is "
            "for; its job.json, where it is to have one.",
            {"jar": "plans/build-481/orders-2.jar", "jobJson": {"jar": "orders-2.jar", "parallelism": 4}},
            required=True,
        ),
    ),
    Route(
        "list_savepoints",
        "GET",
        "/api/jobs/{job}/savepoints",
        "The recorded savepoints, newest first, then those that no record names.",
        (Reply(200, "The savepoints.", examples.SAVEPOINTS),),
        (*OF_RECORDS, *_NO_JOB),
        (JOB,),
        conditional=True,
    ),
    Route(
        "list_releases",
        "GET",
        "/api/jobs/{job}/releases",
        "The releases that are known of the job, newest first: what they are, and what came of each.",
        (Reply(200, "The releases.", examples.RELEASES),),
        (*OF_RECORDS, *_NO_JOB),
        (JOB,),
        conditional=True,
    ),
    Route(
        "list_exceptions",
        "GET",
        "/api/jobs/{job}/exceptions",
        "Why the job failed, as Flink has it: the copy that runs, or ran last, and the one before it.",
        (Reply(200, "The exceptions.", examples.EXCEPTIONS),),
        (*OF_RECORDS, *_NO_JOB),
        (JOB,),
        conditional=True,
    ),
    Route(
        "show_uploads",
        "GET",
        "/api/jobs/{job}/uploads",
        "Whether the job's uploads are paused, and the newest one that is held.",
        (Reply(200, "What is held.", examples.HELD),),
        (*OF_RECORDS, *_NO_JOB),
        (JOB,),
        conditional=True,
    ),
    Route(
        "pause_uploads",
        "PUT",
        "/api/jobs/{job}/uploads",
        "Holds the job's uploads, or takes the newest one that was held.",
        (Reply(200, "What is held now.", examples.HELD),),
        (*OF_RECORDS, *_NO_JOB, "InvalidBody", "BodyTooLarge"),
        (JOB,),
        Body(Pause, "Whether to hold them, and why.", {"paused": True, "reason": "schema change"}, required=True),
    ),
    Route(
        "put_upload",
        "PUT",
        "/api/jobs/{job}/uploads/{name}",
        "Puts a jar of at most 64 MiB, or a job.json, into the jars container. The same bytes again change nothing.",
        (
            Reply(200, "The same file was there already, or was replaced: `written` says which.", examples.STORED),
            Reply(201, "It is there.", examples.STORED),
        ),
        (
            *(*OF_STORAGE, "MissingSetting", "WrongSettings", "InvalidJobName", "InvalidQuery", "InvalidPath"),
            *("InvalidBody", "BodyTooLarge", "JarTooLarge", "EmptyJar", "NotAJar", "UploadExists", "UploadChanged"),
        ),
        (JOB, FILE, FOLDER, IF_MATCH, *SAID),
        takes_bytes="The bytes of the jar, or of the job.json.",
    ),
    Route(
        "list_operations",
        "GET",
        "/api/operations",
        "A job's operations, or those of all jobs that are in a state; newest first.",
        (Reply(200, "The operations.", examples.OPERATIONS),),
        (*OF_RECORDS, *_NO_JOB, "InvalidQuery"),
        (OF_A_JOB, STATE, _top(200), PAGE_OF_OPERATIONS),
        conditional=True,
    ),
    Route(
        "show_operation",
        "GET",
        "/api/operations/{id}",
        "One operation: cause, steps with their times, result. With `Prefer: wait=N` the reply waits for its end.",
        (Reply(200, "The operation.", examples.UPDATED, _APPLIED),),
        (*OF_RECORDS, "OperationNotFound"),
        (OPERATION, PREFER),
        conditional=True,
    ),
    Route(
        "abandon_operation",
        "POST",
        "/api/operations/{id}/abandon",
        "Withdraws an operation that has not begun. With `evenIfBegun` it also ends one that is stuck, and its result "
        "names what may still take effect.",
        (Reply(200, "The operation as it ended.", examples.UPDATED, _REPLAYED),),
        (
            *(*OF_RECORDS, "OperationNotFound", "OperationEnded", "OperationBegun"),
            *("InvalidBody", "BodyTooLarge", *OF_KEYS),
        ),
        (OPERATION, *KEYS),
        Body(
            Abandon,
            "Why, and whether even if it has begun; none at all is an empty object.",
            {"reason": "the cluster is being replaced", "evenIfBegun": True},
        ),
    ),
    Route(
        "list_uploads",
        "GET",
        "/api/uploads",
        "What became of the newest 200 uploads of all jobs.",
        (Reply(200, "The uploads.", examples.UPLOADS),),
        (*OF_RECORDS, "InvalidQuery"),
        (OUTCOME,),
        conditional=True,
    ),
    Route(
        "send_test_message",
        "POST",
        "/api/notifications/test",
        "Sends a test message to NOTIFY_URL, once. A repeat with the same key sends it again, under the same id.",
        (Reply(200, "What was answered.", examples.PROBE, _REPLAYED),),
        (*OF_RECORDS, "NotConfigured", "NotDelivered", *OF_KEYS),
        KEYS,
    ),
    Route(
        "show_me",
        "GET",
        "/api/me",
        "Who calls, and what they may do.",
        (Reply(200, "The caller.", examples.ME),),
        (),
        conditional=True,
    ),
    Route(
        "show_health",
        "GET",
        "/api/health",
        "Whether the app can do its work, and what is missing or wrong.",
        (
            Reply(200, "All is well.", examples.WELL),
            Reply(503, "Something is missing or wrong.", examples.ILL),
        ),
        (),
    ),
    Route(
        "show_openapi",
        "GET",
        "/api/openapi.json",
        "This document.",
        (Reply(200, "An OpenAPI 3.1 document.", None),),
        (),
        conditional=True,
    ),
)
