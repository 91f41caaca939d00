"""What people can say to operations that wait or run.

POST      /api/operations/{id}/abandon    withdraw one that has not begun; with evenIfBegun end one that is stuck, too:
                                          the reply names what may still take effect
GET, PUT  /api/jobs/{job}/uploads         whether the job's uploads are paused, and the newest one that is held

{"paused": true, "reason": "…"}    the body of a PUT; the reply is what a GET shows
{"reason": "…", "evenIfBegun": true}    the body of a POST; both may leave the reason out
"""

from __future__ import annotations

import azure.functions as func

from ..api.later import asked, shown
from ..app import services
from ..core.model import parse_json
from ..core.names import JobName
from .calls import as_found, as_json, caller, read_body, record_of, replayed, with_key
from .problems import replies

blueprint = func.Blueprint()


@blueprint.route("api/operations/{id}/abandon", methods=["POST"])
@replies
def abandon_operation(req: func.HttpRequest) -> func.HttpResponse:
    """End an operation by hand."""
    number, body = req.route_params["id"], read_body(req)
    said = parse_json(asked.Abandon, body, what="the body")
    call = with_key(req, f"/api/operations/{number}/abandon", body)
    operation = services().control.abandon(
        number, by=caller(req), reason=said.reason, even_if_begun=said.even_if_begun, call=call
    )
    return as_json(shown.Operation.of(operation), headers=replayed(call))


@blueprint.route("api/jobs/{job}/uploads", methods=["GET"])
@replies
def show_uploads(req: func.HttpRequest) -> func.HttpResponse:
    """Show whether a job's uploads are paused, and which one is held."""
    return as_found(req, shown.HeldUploads.of(record_of(JobName(req.route_params["job"]))))


@blueprint.route("api/jobs/{job}/uploads", methods=["PUT"])
@replies
def pause_uploads(req: func.HttpRequest) -> func.HttpResponse:
    """Hold a job's uploads, or let them through again."""
    uploads = parse_json(asked.Pause, read_body(req), what="the body")
    job = JobName(req.route_params["job"])
    record = services().control.pause_uploads(job, paused=uploads.paused, reason=uploads.reason)
    return as_json(shown.HeldUploads.of(record))
