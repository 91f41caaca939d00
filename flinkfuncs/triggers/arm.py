"""Which routes serve the ARM job API? Three, anonymous to function keys: the caller's token is the key.

    answer                                             when
    -------------------------------------------------  --------------------------------------------------
    404, as if there were no route                     the gateway is not configured, or its settings cannot be read
    401, 403, 503 in ARM's shape                       the token is not that of an allowed principal
    the gateway's reply, or an error in ARM's shape    otherwise

The rule that must never break: the caller is admitted before anything else is looked at.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import azure.functions as func

from .. import telemetry
from ..app import services
from ..core.errors import FlinkFuncsError, Unavailable
from ..core.idempotency import parse_key

if TYPE_CHECKING:
    from ..clients.tokens import Caller, Callers
    from ..gateway.contract import ApiVersion, ClusterPath, Reply
    from ..gateway.service import Gateway
    from ..settings import Settings

CLUSTER = (
    "subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.HDInsight"
    "/clusterpools/{pool}/clusters/{cluster}"
)
JSON = "application/json; charset=utf-8"  # the worker sends the type as it is given
CLUSTERS = "Microsoft.HDInsight/clusterpools/clusters"

blueprint = func.Blueprint()


class Call:
    """One call of a caller who was admitted."""

    def __init__(self, req: func.HttpRequest, caller: Caller) -> None:
        """Keep the request and who sent it."""
        self.req = req
        self.caller = caller

    @property
    def api(self) -> ApiVersion:
        """The api-version that the call names."""
        from ..gateway.contract import parse_api_version  # noqa: PLC0415 - a cold start that serves no ARM pays nothing

        return parse_api_version(self.parameter("api-version"))

    def parameter(self, name: str) -> str | None:
        """Return a parameter of the query; ARM takes its name in any case."""
        return next((text for key, text in self.req.params.items() if key.lower() == name), None)

    @property
    def path(self) -> ClusterPath:
        """The cluster that the call names."""
        from ..gateway.contract import ClusterPath  # noqa: PLC0415 - as above

        parts = self.req.route_params
        return ClusterPath(parts["subscription"], parts["group"], parts["pool"], parts["cluster"])

    @property
    def base_url(self) -> str:
        """How the caller reached us: what its next call has to begin with; a front end may have taken the TLS off."""
        url = urlsplit(self.req.url)
        forwarded = self.req.headers.get("x-forwarded-proto", "").partition(",")[0].strip()
        return f"{'https' if forwarded == 'https' else url.scheme}://{url.netloc}"


Handler: TypeAlias = Callable[[Call], "Reply"]


def admits(action: str) -> Callable[[Handler], Callable[[func.HttpRequest], func.HttpResponse]]:
    """Let only allowed principals through, and let errors of ours become ARM's; everything else is a crash."""

    def decorate(handler: Handler) -> Callable[[func.HttpRequest], func.HttpResponse]:
        @functools.wraps(handler, assigned=("__name__", "__doc__", "__module__"))
        def answer(req: func.HttpRequest) -> func.HttpResponse:
            door = _door()
            if door is None:
                return func.HttpResponse(status_code=404)
            settings, callers = door
            with telemetry.event(handler.__name__, "http", traceparent=req.headers.get("traceparent")) as told:
                reply = _answered(req, handler, settings, callers, action)
                told.status = reply.status
            return _response(req, reply)

        del answer.__wrapped__  # or the worker would look for the handler's parameters
        return answer

    return decorate


@blueprint.route(CLUSTER + "/runJob", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@admits(f"{CLUSTERS}/runJob/action")
def arm_run_job(call: Call) -> Reply:
    """Take a runJob; with an idempotency key, a repeat finds its operation."""
    headers = call.req.headers
    key = parse_key(headers.get("idempotency-key"), headers.get("repeatability-request-id"))
    return _gateway().run_job(call.caller, call.path, call.api, call.req.get_body(), base_url=call.base_url, key=key)


@blueprint.route(CLUSTER + "/jobs", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@admits(f"{CLUSTERS}/jobs/read")
def arm_jobs(call: Call) -> Reply:
    """List the jobs."""
    from ..gateway.service import parse_list_query  # noqa: PLC0415 - as above

    query = parse_list_query(*map(call.parameter, ("$filter", "$top", "$skiptoken")))
    return _gateway().jobs(call.path, call.api, query, base_url=call.base_url)


@blueprint.route(
    "providers/Microsoft.HDInsight/locations/{location}/operationStatuses/{id}",
    methods=["GET"],
    auth_level=func.AuthLevel.ANONYMOUS,
)
@admits("Microsoft.HDInsight/locations/operationStatuses/read")
def arm_operation_status(call: Call) -> Reply:
    """Say whether a runJob is over."""
    parts = call.req.route_params
    return _gateway().operation_status(call.api, parts["location"], parts["id"])


def _answered(req: func.HttpRequest, handler: Handler, settings: Settings, callers: Callers, action: str) -> Reply:
    from ..gateway.contract import error_reply  # noqa: PLC0415 - as above

    try:
        scope = urlsplit(req.url).path.rpartition("/")[0]
        caller = callers.admit(req.headers.get("authorization"), action=action, scope=scope)
        return handler(Call(req, caller))
    except FlinkFuncsError as error:
        return error_reply(error, settings)


def _response(req: func.HttpRequest, reply: Reply) -> func.HttpResponse:
    from ..gateway.service import common_headers  # noqa: PLC0415 - as above

    headers = common_headers(req.headers.get("x-ms-correlation-request-id")) | dict(reply.headers)
    return func.HttpResponse(reply.body, status_code=reply.status, headers=headers, mimetype=JSON)


@functools.cache
def _door() -> tuple[Settings, Callers] | None:
    """Return who may come in, or None where there is no gateway; one key cache for the whole process."""
    from ..gateway.service import callers, is_on  # noqa: PLC0415 - as above
    from ..settings import read_settings  # noqa: PLC0415 - as above

    try:
        settings = read_settings()
    except Unavailable:
        return None
    return (settings, callers(settings)) if is_on(settings) else None


def _gateway() -> Gateway:
    from ..gateway.service import Gateway  # noqa: PLC0415 - as above

    app = services()
    return Gateway(app.settings, app.ledger, app.intake, app.cluster)
