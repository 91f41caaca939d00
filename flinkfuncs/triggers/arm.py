"""Which routes serve the ARM job API? They are anonymous to function keys: the caller's token is the key.

    answer                                             when
    -------------------------------------------------  --------------------------------------------------
    404, as if there were no route                     the gateway is not configured, or its settings cannot be read
    401, 403, 503 in ARM's shape                       the token is not that of an allowed principal with the right
    404, 405 in ARM's shape                            there is no such path, or not with this verb
    the gateway's reply, or an error in ARM's shape    otherwise

A caller's own host name is that of the request. Where that came from a front end of GATEWAY_FRONT_ENDS (the platform
appends the address that called the app to X-Forwarded-For), it is the one in X-Forwarded-Host, or Forwarded.

The rule that must never break: the caller is admitted before anything else is looked at.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote, urlsplit

import azure.functions as func

from .. import telemetry
from ..app import services
from ..core.errors import FlinkFuncsError, Unavailable
from ..core.idempotency import parse_key
from .calls import last_address

if TYPE_CHECKING:
    from ..clients.tokens import Caller, Callers
    from ..gateway.contract import ApiVersion, ClusterPath, Reply
    from ..gateway.service import Gateway
    from ..settings import Settings

POOL = "subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.HDInsight/clusterpools/{pool}"
CLUSTER = POOL + "/clusters/{cluster}"
JSON = "application/json; charset=utf-8"  # the worker sends the type as it is given
POOLS = "Microsoft.HDInsight/clusterpools"
CLUSTERS = POOLS + "/clusters"
STATUSES = "providers/Microsoft.HDInsight/locations/{location}/operationStatuses/{id}"
_HOST = re.compile(r"[0-9A-Za-z.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_SERVED = [
    (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route)), re.IGNORECASE), method)
    for route, method in (
        (CLUSTER + "/runJob", "POST"),
        (CLUSTER + "/jobs", "GET"),
        (CLUSTER + "/operationStatuses/{id}", "GET"),
        (CLUSTER, "GET"),
        (POOL, "GET"),
        (STATUSES, "GET"),
        ("subscriptions/{subscription}/providers/Microsoft.HDInsight", "GET"),
    )
]

blueprint = func.Blueprint()


class Call:
    """One call of a caller who was admitted."""

    def __init__(self, req: func.HttpRequest, caller: Caller, settings: Settings) -> None:
        """Keep the request and who sent it."""
        self.req = req
        self.caller = caller
        self.settings = settings

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
        return ClusterPath(parts["subscription"], parts["group"], parts["pool"], parts.get("cluster", ""))

    @property
    def base_url(self) -> str:
        """How the caller reached us: what its next call has to begin with; a front end may have taken the TLS off."""
        url, front = urlsplit(self.req.url), self.front or {}
        proto = front.get("proto") or self.req.headers.get("x-forwarded-proto", "").partition(",")[0].strip()
        return f"{'https' if proto == 'https' else url.scheme}://{front.get('host') or url.netloc}"

    @property
    def front(self) -> dict[str, str] | None:
        """What a front end says of how the caller reached it, by `host` and `proto`; None: nothing that is believed."""
        from ..settings import networks_of  # noqa: PLC0415 - as above

        networks = networks_of(self.settings.gateway_front_ends)
        peer = last_address(self.req.headers.get("x-forwarded-for") or "") if networks else None
        if peer is None or not any(peer in network for network in networks):
            return None
        said = forwarded(self.req.headers.get("forwarded") or "")
        if host := self.req.headers.get("x-forwarded-host", "").partition(",")[0].strip():
            said["host"] = host
        return said if _HOST.fullmatch(said.get("host", "")) else None

    def body(self) -> bytes:
        """Return the body, which is not even looked at where it is said to be too long.

        Raises:
            Refused: it is (413).

        """
        from ..gateway.bodies import LONGEST_BODY, too_large  # noqa: PLC0415 - as above

        length = self.req.headers.get("content-length", "0")
        if length.isascii() and length.isdecimal() and int(length[:12]) > LONGEST_BODY:
            raise too_large()
        return self.req.get_body()


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
    return _gateway().run_job(
        call.caller, call.path, call.api, call.body(), base_url=call.base_url, forwarded=call.front is not None, key=key
    )


@blueprint.route(CLUSTER + "/jobs", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@admits(f"{CLUSTERS}/jobs/read")
def arm_jobs(call: Call) -> Reply:
    """List the jobs."""
    from ..gateway.service import parse_list_query  # noqa: PLC0415 - as above

    query = parse_list_query(*map(call.parameter, ("$filter", "$top", "$skiptoken")))
    return _gateway().jobs(call.path, call.api, query, base_url=call.base_url)


@blueprint.route(STATUSES, methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@admits("Microsoft.HDInsight/locations/operationStatuses/read")
def arm_operation_status(call: Call) -> Reply:
    """Say whether a runJob is over."""
    parts = call.req.route_params
    return _gateway().operation_status(call.api, parts["location"], parts["id"])


@blueprint.route(CLUSTER + "/operationStatuses/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@admits(f"{CLUSTERS}/operationStatuses/read")
def arm_cluster_operation_status(call: Call) -> Reply:
    """Say the same below the path of the cluster, as a front end sends it."""
    return _gateway().operation_status(call.api, call.path, call.req.route_params["id"])


@blueprint.route(CLUSTER, methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@admits(f"{CLUSTERS}/read")
def arm_cluster(call: Call) -> Reply:
    """Describe the cluster."""
    _ = call.api
    return _gateway().resource(call.path)


@blueprint.route(POOL, methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@admits(f"{POOLS}/read")
def arm_pool(call: Call) -> Reply:
    """Describe the cluster's pool."""
    _ = call.api
    return _gateway().resource(call.path)


@blueprint.route(
    "subscriptions/{subscription}/providers/Microsoft.HDInsight",
    methods=["GET"],
    auth_level=func.AuthLevel.ANONYMOUS,
)
@admits("Microsoft.HDInsight/read")
def arm_provider(call: Call) -> Reply:
    """Name the types and their api-versions."""
    return _gateway().provider(call.req.route_params["subscription"])


@blueprint.route("subscriptions/{*rest}", auth_level=func.AuthLevel.ANONYMOUS)
@admits("Microsoft.HDInsight/*/read")
def arm_subscriptions(call: Call) -> Reply:
    """Answer every other path of a subscription, and every other verb."""
    return _elsewhere(call)


@blueprint.route("providers/{*rest}", auth_level=func.AuthLevel.ANONYMOUS)
@admits("Microsoft.HDInsight/*/read")
def arm_providers(call: Call) -> Reply:
    """Answer every other path of the tenant, and every other verb."""
    return _elsewhere(call)


def _elsewhere(call: Call) -> Reply:
    from ..gateway.contract import no_such_path  # noqa: PLC0415 - as above

    path = unquote(urlsplit(call.req.url).path).strip("/")
    allowed = next((method for pattern, method in _SERVED if pattern.fullmatch(path)), None)
    return no_such_path(call.req.method, f"/{path}", allowed)


def forwarded(header: str) -> dict[str, str]:
    """Read the first element of a Forwarded header (RFC 7239): `for=192.0.2.60;host="arm.example";proto=https`."""
    pairs = (pair.partition("=") for pair in header.partition(",")[0].split(";"))
    said = {name.strip().lower(): text.strip().strip('"') for name, _, text in pairs}
    return {name: text for name, text in said.items() if name in ("host", "proto") and text}


def _answered(req: func.HttpRequest, handler: Handler, settings: Settings, callers: Callers, action: str) -> Reply:
    from ..gateway.contract import error_reply  # noqa: PLC0415 - as above

    try:
        scope = urlsplit(req.url).path.rpartition("/")[0]
        caller = callers.admit(req.headers.get("authorization"), action=action, scope=scope)
        return handler(Call(req, caller, settings))
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
