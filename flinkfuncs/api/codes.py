"""Which errors can a route reply with? Each has a code for programs, one HTTP status, and a meaning.

A problem document's `type` is the code as a URI, `urn:flinkfuncs:problem:JobNotFound`. It is a name and no address: no
host is this project's own, and a reference that is relative to the app would lead to a page that the app does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


def problem_type(code: str) -> str:
    """Return the URI that a problem document has for its code (RFC 9457, 3.1.1)."""
    return f"urn:flinkfuncs:problem:{code}"


@dataclass(frozen=True)
class Code:
    """What a code means."""

    status: int
    meaning: str


CODES: Mapping[str, Code] = MappingProxyType(
    {
        "InvalidBody": Code(400, "The body is not JSON in UTF-8, or a field is unknown, wrong or not for this action."),
        "InvalidDirectory": Code(400, "A path is not a plain directory URI."),
        "InvalidJobName": Code(400, "A job's name has 1 to 63 lower case letters, digits and `-`."),
        "InvalidKey": Code(
            400, "An idempotency key has 1 to 128 visible ASCII characters, and both headers give the same one."
        ),
        "InvalidQuery": Code(400, "A parameter of the query has no such value, or does not go with the others."),
        "OutsideRoot": Code(400, "A path leads outside the directory that the settings allow."),
        "InvalidPath": Code(
            400,
            "No such file may lie there: jars in `plans/`, `stateful/<job>/` and `stateless/<job>/`, job.json in the "
            "latter two; the `jar` of an action in `plans/`.",
        ),
        "NotSignedIn": Code(401, "App Service authentication names no caller, or the principal cannot be read."),
        "CrossSite": Code(403, "The request would change something, and comes from a page of another site."),
        "NotAllowed": Code(403, "The caller has not the role that this needs: `operator`, or for reading `reader`."),
        "JarNotFound": Code(404, "There is no such jar in the jars container."),
        "JobNotFound": Code(404, "There is no such job, or it was deleted."),
        "NotFound": Code(404, "A container of the app is missing: `GET /api/health` says which."),
        "OperationNotFound": Code(404, "There is no such operation, or it has expired."),
        "ReleaseNotFound": Code(404, "No release of the job has this id, or several begin so."),
        "UnknownAction": Code(404, "There is no such action."),
        "Conflict": Code(409, "The storage account protects a blob, or somebody else holds it."),
        "NotConfigured": Code(409, "The setting that this needs is empty: the detail names it."),
        "OperationBegun": Code(
            409, "The operation has begun, and the detail names what may still take effect: say `evenIfBegun`."
        ),
        "OperationEnded": Code(409, "The operation has ended otherwise."),
        "ReleaseGone": Code(409, "The bytes of the release are not kept any more."),
        "StorageRefused": Code(409, "Storage refuses the request."),
        "UploadExists": Code(409, "Another file has this name: take another name, or name its ETag in `If-Match`."),
        "TooManyOperations": Code(409, "Too many operations of this job are waiting."),
        "PlanChanged": Code(
            412, "The job or the jar is no longer as the plan found it, or another action was planned: plan it again."
        ),
        "UploadChanged": Code(412, "The file that `If-Match` names is not there, or another one by now."),
        "BodyTooLarge": Code(413, "The body is longer than 256 KiB, or a job.json than 64 KiB."),
        "JarTooLarge": Code(413, "The jar is larger than 64 MiB: the detail says how it gets into the container."),
        "EmptyJar": Code(422, "The jar has no bytes."),
        "NotAJar": Code(422, "The file is not a zip that Java reads."),
        "KeyReused": Code(422, "The idempotency key came before, with another method, path or body: take a new key."),
        "MissingSetting": Code(503, "A setting is missing: the detail names it."),
        "NewerRecord": Code(503, "A newer version of the app wrote the record, and this one leaves it alone."),
        "NotDelivered": Code(503, "The message did not leave, or nothing was answered: the detail says why."),
        "PlanUnverified": Code(
            503, "Whether all is as the plan found it cannot be told now: the cluster or storage does not answer."
        ),
        "StorageDenied": Code(503, "Storage refuses the app's identity."),
        "StorageUnanswered": Code(
            503, "Storage did not answer. What was asked for may have been recorded: look first."
        ),
        "StorageUnavailable": Code(503, "Storage cannot be reached."),
        "UnreadableRecord": Code(503, "A record cannot be read."),
        "WrongSettings": Code(503, "Settings are missing or wrong: the detail names them."),
    }
)

# What every route can reply that reads the ledger.
OF_STORAGE = ("NotFound", "Conflict", "StorageRefused", "StorageDenied", "StorageUnanswered", "StorageUnavailable")
OF_RECORDS = (*OF_STORAGE, "MissingSetting", "WrongSettings", "NewerRecord", "UnreadableRecord")
OF_KEYS = ("InvalidKey", "KeyReused")  # every POST but a plan, which records no key: `InvalidKey` alone

# What every route can reply before it is called: triggers/guard.py.
OF_CALLERS = ("NotSignedIn", "NotAllowed", "WrongSettings")
OF_CHANGES = ("CrossSite",)
