"""What would an action do? It is asked as the action itself, and an upload by its jar; nothing is recorded.

POST  /api/jobs/{job}/{action}?dryRun=true    with the body of the action
POST  /api/jobs/{job}/plan                    {"jar": "plans/build-481/orders.jar", "jobJson": {"jar": "orders.jar"}}

An idempotency key is checked and not recorded: a plan changes nothing, and a repeat of the call makes another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import azure.functions as func

from ..api.later import asked, shown
from ..app import services
from ..core.model import parse_json
from ..core.names import JobName
from ..core.operations import Cause
from .calls import as_json, asked_in, caller, key_of, read_body
from .paging import unclear
from .problems import replies

if TYPE_CHECKING:
    from ..core.plans import Plan

blueprint = func.Blueprint()


def is_dry_run(word: str | None) -> bool:
    """Read the parameter.

    Raises:
        Refused: it is neither true nor false (400).

    """
    if word not in (None, "true", "false"):
        raise unclear("dryRun is true or false")
    return word == "true"


def plan_action(req: func.HttpRequest) -> func.HttpResponse:
    """Say what an action would do."""
    job, request = JobName(req.route_params["job"]), asked_in(req)
    key_of(req)
    return _shown(services().planner.action(job, request, Cause(kind="http", detail=caller(req))))


@blueprint.route("api/jobs/{job}/plan", methods=["POST"])
@replies
def plan_upload(req: func.HttpRequest) -> func.HttpResponse:
    """Say what an upload would do that has not been made."""
    upload = parse_json(asked.PlannedUpload, read_body(req), what="the body")
    job = JobName(req.route_params["job"])
    key_of(req)
    return _shown(services().planner.upload(job, upload.jar, upload.folder, upload.job_json, again=upload.again))


def _shown(plan: Plan) -> func.HttpResponse:
    return as_json(shown.Plan.of(plan))
