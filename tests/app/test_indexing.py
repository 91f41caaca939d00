"""What the real worker indexes, with no setting at all."""

from __future__ import annotations

from .app import RunningApp

BLOB = {"type": "blobTrigger", "connection": "JARS", "source": "EventGrid", "direction": "IN", "name": "blob"}
BLOB_CLIENT = {"properties": {"SupportsDeferredBinding": True}}
TIMER = {"type": "timerTrigger", "direction": "IN", "name": "timer", "runOnStartup": False}
TRIGGERS = {
    "stateful_jar": BLOB | BLOB_CLIENT | {"path": "%JARS_CONTAINER%/stateful/{job}/{name}"},
    "stateless_jar": BLOB | BLOB_CLIENT | {"path": "%JARS_CONTAINER%/stateless/{job}/{name}"},
    "drive_operation": {
        "type": "queueTrigger",
        "direction": "IN",
        "name": "message",
        "queueName": "%OPERATIONS_QUEUE%",
        "connection": "JARS",
    },
    "take_savepoints": TIMER | {"schedule": "%SAVEPOINT_SCHEDULE%"},
    "keep_house": TIMER | {"schedule": "0 17 * * * *"},
    "sweep": TIMER | {"schedule": "%SWEEP_SCHEDULE%"},
}
ROUTES = {
    "list_jobs": ("GET", "api/jobs"),
    "show_job": ("GET", "api/jobs/{job}"),
    "request_action": ("POST", "api/jobs/{job}/{action}"),
    "plan_upload": ("POST", "api/jobs/{job}/plan"),
    "list_savepoints": ("GET", "api/jobs/{job}/savepoints"),
    "list_releases": ("GET", "api/jobs/{job}/releases"),
    "list_exceptions": ("GET", "api/jobs/{job}/exceptions"),
    "list_operations": ("GET", "api/operations"),
    "list_uploads": ("GET", "api/uploads"),
    "show_operation": ("GET", "api/operations/{id}"),
    "abandon_operation": ("POST", "api/operations/{id}/abandon"),
    "show_uploads": ("GET", "api/jobs/{job}/uploads"),
    "pause_uploads": ("PUT", "api/jobs/{job}/uploads"),
    "show_me": ("GET", "api/me"),
    "put_upload": ("PUT", "api/jobs/{job}/uploads/{name}"),
    "show_health": ("GET", "api/health"),
    "show_openapi": ("GET", "api/openapi.json"),
    "send_test_message": ("POST", "api/notifications/test"),
}
PAGE_ROUTES = {
    "lead_to_page": ("GET", "{ignored:maxlength(0)?}"),
    "show_sign_in": ("GET", "ui/sign-in.json"),
    "show_page": ("GET", "ui/{*path}"),
}
CLUSTER = (
    "subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.HDInsight/clusterpools/{pool}/clusters"
)
ARM_ROUTES = {
    "arm_run_job": ("POST", CLUSTER + "/{cluster}/runJob"),
    "arm_cluster": ("GET", CLUSTER + "/{cluster}"),
    "arm_pool": ("GET", CLUSTER.removesuffix("/clusters")),
    "arm_cluster_operation_status": ("GET", CLUSTER + "/{cluster}/operationStatuses/{id}"),
    "arm_provider": ("GET", "subscriptions/{subscription}/providers/Microsoft.HDInsight"),
    "arm_jobs": ("GET", CLUSTER + "/{cluster}/jobs"),
    "arm_operation_status": ("GET", "providers/Microsoft.HDInsight/locations/{location}/operationStatuses/{id}"),
}
ARM_ELSEWHERE = {"arm_subscriptions": "subscriptions/{*rest}", "arm_providers": "providers/{*rest}"}


def indexed(app: RunningApp) -> dict[str, list[dict[str, object]]]:
    functions = app.get("/admin/functions").json()
    return {function["name"]: function["config"]["bindings"] for function in functions}


def test_an_empty_environment_indexes_exactly_these_functions(empty_app: RunningApp) -> None:
    """Importing never fails: a missing setting must not look like an app without functions."""
    expected = set(TRIGGERS) | set(ROUTES) | set(PAGE_ROUTES) | set(ARM_ROUTES) | set(ARM_ELSEWHERE)
    assert set(indexed(empty_app)) == expected


def test_every_trigger_is_bound_to_what_the_settings_name(empty_app: RunningApp) -> None:
    """Blob triggers come from Event Grid and get a client instead of the bytes; no timer runs at start."""
    functions = indexed(empty_app)
    assert {name: functions[name] for name in TRIGGERS} == {name: [trigger] for name, trigger in TRIGGERS.items()}


def test_every_route_of_ours_asks_for_a_function_key(empty_app: RunningApp) -> None:
    """Below /api nothing is anonymous, but with roles (test_rights.py); the gateway's routes ask for a token instead,
    and the page is for everybody: what it shows it asks of the API. Each has one method.
    """
    functions = indexed(empty_app)
    levels = dict.fromkeys(ROUTES, "FUNCTION") | dict.fromkeys([*ARM_ROUTES, *PAGE_ROUTES], "ANONYMOUS")
    for name, (method, route) in (ROUTES | PAGE_ROUTES | ARM_ROUTES).items():
        trigger, reply = functions[name]
        assert (trigger["route"], trigger["methods"], trigger["authLevel"]) == (route, [method], levels[name])
        assert (reply["type"], reply["direction"]) == ("http", "OUT")


def test_whatever_else_lies_below_arms_paths_is_answered_by_the_gateway(empty_app: RunningApp) -> None:
    """With every verb: ARM's errors are JSON, and a token is asked for first."""
    functions = indexed(empty_app)
    for name, route in ARM_ELSEWHERE.items():
        trigger, _ = functions[name]
        assert (trigger["route"], trigger.get("methods"), trigger["authLevel"]) == (route, None, "ANONYMOUS")


def test_the_gateway_is_off_without_its_settings(empty_app: RunningApp) -> None:
    """There is no unverified mode: its routes are as if they were not there."""
    reply = empty_app.get(
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.HDInsight/clusterpools/p/clusters/c/jobs"
    )
    assert (reply.status_code, reply.content) == (404, b"")
