"""A small function app with every trigger that the local host knows; effects are blobs in the container `effects`."""

import asyncio
import contextlib
import json
import os
import time
import uuid

import azure.functions as func
import azurefunctions.extensions.bindings.blob as sdk
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
EVENT_GRID = func.BlobSource.EVENT_GRID


def effect(name: str, content: object) -> None:
    """Leave a trace that a test can count."""
    with BlobServiceClient.from_connection_string(os.environ["JARS"]) as storage:
        container = storage.get_container_client("effects")
        with contextlib.suppress(ResourceExistsError):
            container.create_container()
        container.upload_blob(f"{name}/{time.time_ns()}-{uuid.uuid4()}", json.dumps(content))


@app.route("echo/{job}/{action?}", methods=["GET", "POST"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    """Say what arrived."""
    seen = {
        "route": dict(req.route_params),
        "query": dict(req.params),
        "headers": dict(req.headers),
        "body": req.get_body().hex(),
        "method": req.method,
        "url": req.url,
    }
    return func.HttpResponse(
        json.dumps(seen), status_code=200, mimetype="application/json", headers={"X-Sample": "yes"}
    )


@app.route("echo/special", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def special(req: func.HttpRequest) -> func.HttpResponse:
    """A literal route beside a parameter."""
    return func.HttpResponse(f"special {req.method}")


@app.route("subscriptions/{sub}/Jobs/{id:guid}", auth_level=func.AuthLevel.ANONYMOUS)
def typed(req: func.HttpRequest) -> func.HttpResponse:
    """A route with a constraint."""
    return func.HttpResponse(json.dumps(dict(req.route_params)))


@app.route("held", auth_level=func.AuthLevel.ANONYMOUS)
async def held(req: func.HttpRequest) -> func.HttpResponse:
    """Hold the request without a thread."""
    await asyncio.sleep(float(req.params["seconds"]))
    return func.HttpResponse("done")


@app.route("slow", auth_level=func.AuthLevel.ANONYMOUS)
def slow(req: func.HttpRequest) -> func.HttpResponse:
    """Hold the request and a thread, and say from when to when."""
    begun = time.monotonic_ns()
    time.sleep(float(req.params["seconds"]))
    return func.HttpResponse(f"{begun} {time.monotonic_ns()}")


@app.route("broken", auth_level=func.AuthLevel.ANONYMOUS)
def broken(req: func.HttpRequest) -> func.HttpResponse:
    """Fail."""
    raise RuntimeError(f"broken on purpose by {req.method}")


@app.route("send", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@app.queue_output(arg_name="out", queue_name="work", connection="JARS")
def send(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    """Put the body into the queue."""
    out.set(req.get_body().decode())
    return func.HttpResponse(status_code=202)


@app.queue_trigger(arg_name="message", queue_name="work", connection="JARS")
def work(message: func.QueueMessage) -> None:
    """Do what the message says: {"name": …, "sleep": seconds, "fail": times}."""
    order = json.loads(message.get_body())
    effect(f"{order['name']}-begun", message.dequeue_count)
    time.sleep(order.get("sleep", 0))
    if (message.dequeue_count or 0) <= order.get("fail", 0):
        raise RuntimeError("failed on purpose")
    effect(f"{order['name']}-done", message.dequeue_count)


@app.blob_trigger(arg_name="blob", path="%JARS_CONTAINER%/stateful/{job}/{name}", connection="JARS", source=EVENT_GRID)
def arrived(blob: sdk.BlobClient) -> None:
    """Say which blob came, and fail for a bad one."""
    content = blob.download_blob().readall()
    effect("arrived", {"blob": blob.blob_name, "container": blob.container_name, "content": content.decode()})
    if content == b"bad":
        raise RuntimeError("a bad blob")


@app.blob_trigger(arg_name="blob", path="%JARS_CONTAINER%/bytes/{name}", connection="JARS", source=EVENT_GRID)
def arrived_bytes(blob: func.InputStream) -> None:
    """The same with the bytes."""
    effect("bytes", {"blob": blob.name, "content": blob.read().decode()})


@app.timer_trigger(arg_name="timer", schedule="%TICKS%")
def tick(timer: func.TimerRequest) -> None:
    """Leave a trace at every tick."""
    effect("tick", {"past_due": timer.past_due})


@app.timer_trigger(arg_name="timer", schedule="%NOT_SET%")
def never(timer: func.TimerRequest) -> None:
    """Cannot be listened to."""
    effect("never", {"past_due": timer.past_due})
