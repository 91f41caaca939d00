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
    "sweep": TIMER | {"schedule": "%SWEEP_SCHEDULE%"},
}
ROUTES = {
    "list_jobs": ("GET", "api/jobs"),
    "show_job": ("GET", "api/jobs/{job}"),
    "request_action": ("POST", "api/jobs/{job}/{action}"),
    "list_savepoints": ("GET", "api/jobs/{job}/savepoints"),
    "list_operations": ("GET", "api/operations"),
    "show_operation": ("GET", "api/operations/{id}"),
    "show_health": ("GET", "api/health"),
}


def indexed(app: RunningApp) -> dict[str, list[dict[str, object]]]:
    functions = app.get("/admin/functions").json()
    return {function["name"]: function["config"]["bindings"] for function in functions}


def test_an_empty_environment_indexes_exactly_these_functions(empty_app: RunningApp) -> None:
    """Importing never fails: a missing setting must not look like an app without functions."""
    ours = {name for name, bindings in indexed(empty_app).items() if not _is_arm(bindings)}
    assert ours == set(TRIGGERS) | set(ROUTES)


def test_every_trigger_is_bound_to_what_the_settings_name(empty_app: RunningApp) -> None:
    """Blob triggers come from Event Grid and get a client instead of the bytes; no timer runs at start."""
    functions = indexed(empty_app)
    assert {name: functions[name] for name in TRIGGERS} == {name: [trigger] for name, trigger in TRIGGERS.items()}


def test_every_route_of_ours_asks_for_a_function_key(empty_app: RunningApp) -> None:
    """Below /api nothing is anonymous, and each route has one method."""
    functions = indexed(empty_app)
    for name, (method, route) in ROUTES.items():
        trigger, reply = functions[name]
        assert (trigger["route"], trigger["methods"], trigger["authLevel"]) == (route, [method], "FUNCTION")
        assert (reply["type"], reply["direction"]) == ("http", "OUT")


def _is_arm(bindings: list[dict[str, object]]) -> bool:
    """Whether a function belongs to the ARM gateway, whose routes lie outside /api."""
    return bindings[0]["type"] == "httpTrigger" and not str(bindings[0]["route"]).startswith("api/")
