"""The commands that show something."""

from __future__ import annotations

import argparse

from .api import Api, segment
from .console import Console, Json, shown_time
from .exits import Exit
from .following import outcome_of, steps_of


def jobs(_args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Every job, with its status on the cluster."""
    found = api.all("/api/jobs", "jobs")
    if console.as_json:
        console.json({"jobs": found})
        return Exit.DONE
    rows = [
        [
            _text(job, "name"),
            _text(job, "status"),
            shown_time(_under(job, "copy").get("startedAt")),
            _last(job),
            _text(_under(job, "release"), "jarName"),
        ]
        for job in found
    ]
    console.table(["NAME", "STATUS", "RUN BEGAN", "LAST", "JAR"], rows)
    return Exit.DONE


def job(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """One job."""
    found = api.get(f"/api/jobs/{segment(args.job)}")
    if console.as_json:
        console.json(found)
        return Exit.DONE
    release, copy, last = (_under(found, name) for name in ("release", "copy", "last"))
    uploads = _under(found, "uploads")
    console.fields(
        {
            "name": _text(found, "name"),
            "status": _text(found, "status"),
            "reason": _text(found, "statusReason"),
            "folder": _text(found, "folder"),
            "jar": _text(release, "jarName"),
            "release": _text(release, "id"),
            "flink job": _text(found, "flinkJobId"),
            "run began": shown_time(copy.get("startedAt")),
            "started from": _text(copy, "startedFrom"),
            "last savepoint": _text(found, "lastSavePoint"),
            "starts from": _text(_under(found, "startsFrom"), "path"),
            "uploads": "paused" if uploads.get("paused") else None,
            "held": ", ".join(_held(one) for one in uploads.get("held") or []),
            "open": ", ".join(f"{_text(one, 'id')} {_action(one)}" for one in found.get("open") or []),
            "last": f"{_text(last, 'id')} {_text(last, 'action')} {_text(last, 'outcome')}" if last else None,
        }
    )
    return Exit.DONE


def savepoints(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """A job's savepoints: those on record, newest first, then those that no record names."""
    found = api.get(f"/api/jobs/{segment(args.job)}/savepoints")
    if console.as_json:
        console.json(found)
        return Exit.DONE
    rows = [
        [
            shown_time(one.get("takenAt")),
            _size(one.get("sizeBytes")),
            _text(one, "origin"),
            "disposed of" if one.get("disposingAt") else "yes" if one.get("restored") else "no",
            _text(one, "path"),
        ]
        for one in found.get("savepoints") or []
    ]
    console.table(["TAKEN", "SIZE", "ORIGIN", "RESTORED", "PATH"], rows)
    if unknown := found.get("orphansUnknown"):
        console.problem(f"savepoints that no record names could not be looked for: {unknown}", kind="warning")
    return Exit.DONE


def operations(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """A job's operations, newest first; without --job those of all jobs that are open."""
    state = args.state or (None if args.job else "open")
    found = api.all("/api/operations", "operations", job=args.job, state=state)
    if console.as_json:
        console.json({"operations": found})
        return Exit.DONE
    rows = [
        [
            _text(one, "id") or _text(one, "blob"),
            _action(one),
            outcome_of(one) or _text(one, "state"),
            shown_time(one.get("requestedAt") or one.get("at")),
            _text(_under(one, "cause"), "kind"),
            _text(_under(one, "result"), "message") or _text(one, "message"),
        ]
        for one in found
    ]
    console.table(["ID", "ACTION", "OUTCOME", "REQUESTED", "CAUSE", "MESSAGE"], rows)
    return Exit.DONE


def logs(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """The steps of an operation."""
    operation = api.get(f"/api/operations/{segment(args.id)}")
    if console.as_json:
        console.json(operation)
        return Exit.DONE
    rows = [*map(list, steps_of(operation))]
    if outcome := outcome_of(operation):
        result = _under(operation, "result")
        rows.append([shown_time(result.get("endedAt")), outcome, _text(result, "message")])
    console.table(["AT", "STEP", "DETAIL"], rows)
    return Exit.DONE


def uploads(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """What became of the newest uploads of all jobs."""
    found = api.all("/api/uploads", "uploads", outcome=args.outcome)
    if console.as_json:
        console.json({"uploads": found})
        return Exit.DONE
    rows = [
        [
            shown_time(one.get("at")),
            _text(one, "blob"),
            _text(one, "outcome") or _text(one, "state"),
            _text(one, "operation"),
            _text(one, "message"),
        ]
        for one in found
    ]
    console.table(["AT", "BLOB", "OUTCOME", "OPERATION", "MESSAGE"], rows)
    return Exit.DONE


def health(_args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Whether the app can do its work."""
    healthy, report = api.health()
    if console.as_json:
        console.json(report)
    else:
        reach = {name: _under(report, name) for name in ("storage", "cluster")}
        console.fields(
            {
                "app": "healthy" if healthy else "unhealthy",
                "version": _text(report, "version"),
                "cluster kind": _text(report, "clusterKind"),
                **{name: "reachable" if one.get("reachable") else "unreachable" for name, one in reach.items()},
            }
        )
    for name in ("storage", "cluster"):
        if reason := _under(report, name).get("reason"):
            console.problem(f"{name}: {reason}")
    for fault in report.get("faults") or []:
        console.problem(str(fault))
    for warning in report.get("warnings") or []:
        console.problem(str(warning), kind="warning")
    return Exit.DONE if healthy else Exit.FAILED


def _under(value: Json, name: str) -> Json:
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def _text(value: Json, name: str) -> str:
    found = value.get(name)
    return "" if found is None else str(found)


def _held(operation: Json) -> str:
    until = shown_time(operation.get("heldUntil"))
    return f"{_text(operation, 'id')} until {until}" if until else _text(operation, "id")


def _action(operation: Json) -> str:
    return _text(_under(operation, "request"), "action")


def _last(job: Json) -> str:
    if open_ones := job.get("open"):
        return f"{_action(open_ones[0])} open"
    last = _under(job, "last")
    return " ".join(filter(None, [_text(last, "action"), _text(last, "outcome")]))


def _size(size: object) -> str:
    if not isinstance(size, int):
        return ""
    amount, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1000:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
