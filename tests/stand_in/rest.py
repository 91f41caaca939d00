"""Flink's REST API over the stand-in, as far as the app speaks it.

`/jobs/:id` and `/jobs/:id/checkpoints` are cached, as Flink's are, but for a shorter time. An unknown job is a
500 at `/status` and a 404 elsewhere; COMPLETED is said of failures, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from tests.listener import Call, Reply, listener

from .cluster import Job, RefusalError, StandIn, State

CACHE_SECONDS = 0.2
VERTICES = ("source", "count")
STATE_BYTES = 10  # of each vertex, in every checkpoint and savepoint
CONFIGURATION = {
    "cluster.intercept-user-system-exit": "THROW",
    "heartbeat.timeout": "1 s",
    "web.refresh-interval": f"{int(CACHE_SECONDS * 1000)}",
}
Json = dict[str, Any]
Answer: TypeAlias = tuple[int, object]


class FlinkServer:
    """Serves one stand-in after the other."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.flink = StandIn()
        self._cached: dict[str, tuple[float, Answer]] = {}
        self._listener = listener(self._answer)
        self.url = self._listener.url

    def serve(self, flink: StandIn) -> None:
        """Serve this one from now on."""
        self.flink, self._cached = flink, {}

    def stop(self) -> None:
        """End it."""
        self._listener.stop()

    def _answer(self, call: Call) -> Reply:
        flink = self.flink
        with flink.lock:
            flink.pass_time()
            if flink.is_away:
                return Reply(503, raw=b"Service Unavailable")
            try:
                return Reply(*self._routed(flink, call))
            except RefusalError as refusal:
                return Reply(refusal.status, {"errors": [refusal.words]})

    def _routed(self, flink: StandIn, call: Call) -> Answer:
        path = call.bare
        if not flink.web_submit and path.startswith("/jars"):
            raise _no_such_route(call.method, path)
        cached = self._cached.get(path)
        if call.method == "GET" and cached and cached[0] > flink.clock():
            return cached[1]
        for verb, pattern, handle in ROUTES:
            if call.method == verb and (match := re.fullmatch(pattern, path)):
                if verb != "GET":
                    flink.changes.append(f"{verb} {path}")
                is_json = call.body and "json" in call.headers.get("Content-Type", "")
                answer = handle(flink, match.groups(), call.sent if is_json else {"content": call.body})
                if re.fullmatch(r"/jobs/[0-9a-f]{32}(/checkpoints)?", path) and verb == "GET":
                    self._cached[path] = (flink.clock() + CACHE_SECONDS, answer)
                return answer
        raise RefusalError(404, f"Not found: {path}")


@contextmanager
def flink_server() -> Iterator[FlinkServer]:
    """A server for the length of a test."""
    server = FlinkServer()
    try:
        yield server
    finally:
        server.stop()


# ----------------------------------------------------------------------------------------------------------- the routes

Groups = tuple[str, ...]
Handle = Callable[[StandIn, Groups, Json], Answer]


def _job(flink: StandIn, id_: str, *, status: int = 404) -> Job:
    if id_ not in flink.jobs:
        raise RefusalError(status, f"FlinkJobNotFoundException: Could not find Flink job ({id_})")
    return flink.jobs[id_]


def _state_of(job: Job) -> str:
    return "RESTARTING" if job.state == "RUNNING" and job.looped % 2 else job.state


def _overview(flink: StandIn, _: Groups, __: Json) -> Answer:
    tasks = {"total": 2, "running": 2}
    jobs = [{"jid": j.id, "name": j.name, "state": _state_of(j), "tasks": tasks} for j in flink.jobs.values()]
    return 200, {"jobs": jobs}


def _status(flink: StandIn, groups: Groups, _: Json) -> Answer:
    return 200, {"status": _state_of(_job(flink, groups[0], status=500))}


def _described(flink: StandIn, groups: Groups, _: Json) -> Answer:
    job = _job(flink, groups[0])
    state = "SCHEDULED" if flink.waits(job) else _state_of(job)
    vertices = [{"id": v, "name": v, "parallelism": 1, "status": state} for v in VERTICES]
    plan = {"type": "BATCH" if job.jar.batch else "STREAMING"}
    return 200, {"name": job.name, "vertices": vertices, "plan": plan}


def _checkpoints(flink: StandIn, groups: Groups, _: Json) -> Answer:
    job = _job(flink, groups[0])
    if job.jar.batch:
        raise RefusalError(404, "Checkpointing has not been enabled")
    if flink.waits(job):
        return 200, {"latest": {}, "counts": {}}
    latest: Json = {}
    if job.checkpoint:
        latest["completed"] = _saved(flink, job.checkpoint)
    if job.savepoint:
        latest["savepoint"] = _saved(flink, job.savepoint)
    if at := job.restored:
        latest["restored"] = {"id": at.number, "external_path": at.path, "is_savepoint": at.is_savepoint}
    counts = {"restored": bool(job.restored) + job.looped, "completed": int(job.age()) if not job.jar.loops else 0}
    history = [latest[kind] for kind in ("savepoint", "completed") if kind in latest]
    return 200, {"latest": latest, "counts": counts, "history": [{"id": 1, "status": "IN_PROGRESS"}, *history]}


def _saved(flink: StandIn, state: State) -> Json:
    size, at = STATE_BYTES * len(VERTICES), flink.since_1970(state.at)
    return {"id": state.number, "external_path": state.path, "latest_ack_timestamp": at, "state_size": size}


def _checkpoints_config(flink: StandIn, groups: Groups, _: Json) -> Answer:
    _job(flink, groups[0])
    return 200, {"externalization": {"enabled": True, "delete_on_cancellation": False}}


def _details(flink: StandIn, groups: Groups, _: Json) -> Answer:
    _job(flink, groups[0])
    return 200, {"tasks": {vertex: {"state_size": STATE_BYTES, "persisted_data": 0} for vertex in VERTICES}}


def _exceptions(flink: StandIn, groups: Groups, _: Json) -> Answer:
    job = _job(flink, groups[0])
    failures = ["java.lang.IllegalStateException: again"] * min(10, job.looped) or job.failures
    at = flink.since_1970(job.ended_at or flink.clock()) + 1  # behind a checkpoint of the same millisecond
    return 200, {"exceptionHistory": {"entries": [{"stacktrace": trace, "timestamp": at} for trace in failures]}}


def _triggered(flink: StandIn, groups: Groups, _: Json) -> Answer:
    trigger = flink.triggers.get(groups[1])
    if trigger is None:
        raise RefusalError(404, "There is no savepoint operation with that trigger id")
    if trigger.cause:
        failed = {"class": "x", "stack-trace": trigger.cause}
        return 200, {"status": {"id": "COMPLETED"}, "operation": {"failure-cause": failed}}
    if trigger.location is None:
        return 200, {"status": {"id": "IN_PROGRESS"}, "operation": None}
    done = {"location": trigger.location} if trigger.directory else {"checkpointId": 1}
    return 200, {"status": {"id": "COMPLETED"}, "operation": done}


def _jars(flink: StandIn, _: Groups, __: Json) -> Answer:
    return 200, {"files": [{"id": j.id, "name": j.name, "uploaded": j.uploaded} for j in flink.jars.values()]}


def _upload(flink: StandIn, _: Groups, sent: Json) -> Answer:
    name = re.search(rb'filename="([^"]+)"', sent["content"])
    if name is None:
        raise RefusalError(400, "no file was uploaded")
    jar = flink.upload(name[1].decode(), sent["content"])
    return 200, {"filename": f"/tmp/flink-web-upload/{jar.id}", "status": "success"}  # noqa: S108 - as Flink says it


def _plan(flink: StandIn, groups: Groups, sent: Json) -> Answer:
    if groups[0] not in flink.jars:
        raise RefusalError(400, "Jar file does not exist")
    return 200, {"plan": {"nodes": [{"id": vertex, "parallelism": sent["parallelism"]} for vertex in VERTICES]}}


def _run(flink: StandIn, groups: Groups, sent: Json) -> Answer:
    if groups[0] not in flink.jars:
        raise RefusalError(400, "Jar file does not exist")
    if sent["claimMode"] != "NO_CLAIM" or sent["allowNonRestoredState"] not in (False, flink.may_leave_state):
        flink.wrong.append(f"a start without its explicit words: {sent}")
    name = sent["flinkConfiguration"]["pipeline.name"]
    flink.run(flink.jars[groups[0]], sent["jobId"], name, sent.get("savepointPath"), sent.get("parallelism") or 1)
    return 200, {"jobid": sent["jobId"]}


def _stop(flink: StandIn, groups: Groups, sent: Json) -> Answer:
    flink.stop(groups[0], sent["triggerId"], sent["targetDirectory"])
    return 202, {"request-id": sent["triggerId"]}


def _save(flink: StandIn, groups: Groups, sent: Json) -> Answer:
    _job(flink, groups[0])
    flink.save(groups[0], sent["triggerId"], sent["target-directory"])
    return 202, {"request-id": sent["triggerId"]}


def _check(flink: StandIn, groups: Groups, sent: Json) -> Answer:
    _job(flink, groups[0])
    flink.check(groups[0], sent["triggerId"])
    return 202, {"request-id": sent["triggerId"]}


def _cancel(flink: StandIn, groups: Groups, _: Json) -> Answer:
    flink.cancel(groups[0])
    return 202, {}


def _configuration(flink: StandIn, _: Groups, __: Json) -> Answer:
    options = CONFIGURATION | {"web.tmpdir": f"of JobManager {flink.incarnation}"} | flink.options
    return 200, [{"key": key, "value": value} for key, value in options.items()]


def _taskmanagers(flink: StandIn, _: Groups, __: Json) -> Answer:
    ids = [f"{host}:6122-5dbe5f" for host in flink.hosts]
    paths = [f"pekko.tcp://flink@{host}:6122/user/rpc/taskmanager_0" for host in flink.hosts]
    return 200, {"taskmanagers": [{"id": id_, "path": path} for id_, path in zip(ids, paths, strict=True)]}


def _taskmanager(flink: StandIn, groups: Groups, _: Json) -> Answer:
    held = flink.running_ids() if groups[0].startswith(flink.hosts[0]) else []
    allocated = [{"index": index, "jobId": job} for index, job in enumerate(held)]
    return 200, {"slotsNumber": flink.slots, "freeSlots": flink.slots - len(held), "allocatedSlots": allocated}


def _slots(flink: StandIn, _: Groups, __: Json) -> Answer:
    return 200, {"slots-available": flink.slots * len(flink.hosts) - len(flink.running_ids())}


def _about(flink: StandIn, _: Groups, __: Json) -> Answer:
    return 200, {"flink-version": "2.3.0", "features": {"web-submit": flink.web_submit}}


def _no_such_route(method: str, path: str) -> RefusalError:
    if method == "GET":
        return RefusalError(404, f"Unable to load requested file {path}.")
    return (
        RefusalError(400, "POST request not allowed")
        if path == "/jars/upload"
        else RefusalError(404, f"Not found: {path}")
    )


ID = "([0-9a-f]{32})"
ROUTES: list[tuple[str, str, Handle]] = [
    ("GET", "/config", _about),
    ("GET", "/jobmanager/config", _configuration),
    ("GET", "/overview", _slots),
    ("GET", "/taskmanagers", _taskmanagers),
    ("GET", "/taskmanagers/([^/]+)", _taskmanager),
    ("GET", "/jobs/overview", _overview),
    ("GET", f"/jobs/{ID}/status", _status),
    ("GET", f"/jobs/{ID}", _described),
    ("GET", f"/jobs/{ID}/checkpoints", _checkpoints),
    ("GET", f"/jobs/{ID}/checkpoints/config", _checkpoints_config),
    ("GET", rf"/jobs/{ID}/checkpoints/details/(\d+)", _details),
    ("GET", f"/jobs/{ID}/exceptions", _exceptions),
    ("GET", f"/jobs/{ID}/(?:savepoints|checkpoints)/{ID}", _triggered),
    ("GET", "/jars", _jars),
    ("POST", "/jars/upload", _upload),
    ("POST", "/jars/([^/]+)/plan", _plan),
    ("POST", "/jars/([^/]+)/run", _run),
    ("POST", f"/jobs/{ID}/stop", _stop),
    ("POST", f"/jobs/{ID}/savepoints", _save),
    ("POST", f"/jobs/{ID}/checkpoints", _check),
    ("PATCH", f"/jobs/{ID}", _cancel),
]
