"""A jar or a job.json as the body of a request, for callers that cannot reach the storage account.

PUT  /api/jobs/{job}/uploads/{name}?folder=stateful     an upload, as if a pipeline had put it into the container
PUT  /api/jobs/{job}/uploads/{name}?folder=plans        a jar for a plan, or for the `jar` of an action
"""

from __future__ import annotations

import json

import azure.functions as func

from ..api.later import shown
from ..app import services
from ..core.errors import Refused
from ..core.model import parse_json
from ..core.names import JobName
from ..core.uploads import JOB_JSON, JarMetadata, Target
from .calls import as_json
from .paging import unclear
from .problems import replies

SAID = ("reason", "buildUrl", "commit", "plan", "again")

blueprint = func.Blueprint()


@blueprint.route("api/jobs/{job}/uploads/{name}", methods=["PUT"])
@replies
def put_upload(req: func.HttpRequest) -> func.HttpResponse:
    """Put a file into the jars container."""
    target = _target(req)
    said = _said(req, target)
    uploader = services().uploader
    uploader.require_short(target, _announced(req))
    stored = uploader.put(target, req.get_body(), said, if_match=req.headers.get("if-match") or None)
    return as_json(shown.StoredUpload.of(stored), status=201 if stored.written == "created" else 200)


def _target(req: func.HttpRequest) -> Target:
    job, folder = JobName(req.route_params["job"]), req.params.get("folder")
    if folder not in ("stateful", "stateless", "plans"):
        raise unclear("folder is stateful, stateless or plans")
    return Target(job, folder, req.route_params["name"])


def _said(req: func.HttpRequest, target: Target) -> JarMetadata:
    """Return what the query says of a jar; of another file it says nothing."""
    said = {name: req.params[name] for name in SAID if name in req.params}
    if said and (target.file == JOB_JSON or target.folder == "plans"):
        raise unclear(f"{', '.join(said)}: a job.json says it itself, and below plans/ it would not be read")
    if "again" in said and said["again"] not in ("true", "false"):
        raise unclear("again is true or false")
    try:
        return parse_json(JarMetadata, json.dumps(said), what="the query")
    except Refused as error:
        raise unclear(error.message) from None


def _announced(req: func.HttpRequest) -> int:
    text = req.headers.get("content-length") or ""
    return int(text) if text.isascii() and text.isdecimal() else 0
