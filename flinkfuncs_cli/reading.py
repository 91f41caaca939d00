"""The commands that show something."""

from __future__ import annotations

import argparse

from .api import Api, segment
from .console import Console, Json, shown_size, shown_time
from .exits import Exit
from .following import outcome_of, steps_of

SHORT_ID = 12  # hex digits of a release's id; the app takes a beginning of 8 or more


def jobs(_args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Every job, with its status on the cluster."""
    found = api.all("/api/jobs", "jobs")
    if console.as_json:
        console.json({"jobs": found})
        return Exit.DONE
    rows = [
        [
            text_of(job, "name"),
            text_of(job, "status"),
            shown_time(under(job, "copy").get("startedAt")),
            _last(job),
            text_of(under(job, "release"), "jarName"),
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
    release, copy, last = (under(found, name) for name in ("release", "copy", "last"))
    uploads = under(found, "uploads")
    console.fields(
        {
            "name": text_of(found, "name"),
            "status": text_of(found, "status"),
            "reason": text_of(found, "statusReason"),
            "folder": text_of(found, "folder"),
            "jar": text_of(release, "jarName"),
            "release": text_of(release, "id"),
            "flink job": text_of(found, "flinkJobId"),
            "run began": shown_time(copy.get("startedAt")),
            "started from": text_of(copy, "startedFrom"),
            "last savepoint": text_of(found, "lastSavePoint"),
            "starts from": text_of(under(found, "startsFrom"), "path"),
            "uploads": "paused" if uploads.get("paused") else None,
            "held": ", ".join(_held(one) for one in uploads.get("held") or []),
            "open": ", ".join(f"{text_of(one, 'id')} {_action(one)}" for one in found.get("open") or []),
            "last": f"{text_of(last, 'id')} {text_of(last, 'action')} {text_of(last, 'outcome')}" if last else None,
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
            shown_size(one.get("sizeBytes")),
            text_of(one, "origin"),
            "disposed of" if one.get("disposingAt") else "yes" if one.get("restored") else "",
            text_of(one, "path"),
        ]
        for one in found.get("savepoints") or []
    ]
    console.table(["TAKEN", "SIZE", "ORIGIN", "RESTORED", "PATH"], rows)
    if unknown := found.get("orphansUnknown"):
        console.problem(f"savepoints that no record names could not be looked for: {unknown}", kind="warning")
    return Exit.DONE


def releases(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """A job's releases, newest first, with what the last operation that carried each out came to, and whose it was."""
    found = api.get(f"/api/jobs/{segment(args.job)}/releases")
    if console.as_json:
        console.json(found)
        return Exit.DONE
    listed = [one for one in found.get("releases") or [] if isinstance(one, dict)]
    lasts: list[Json] = [_last_carried_out(one.get("operations") or []) for one in listed]
    rows = [
        [
            text_of(one, "id")[:SHORT_ID],
            shown_time(one.get("keptAt")),
            "running" if one.get("running") else "kept" if one.get("available") else "gone",
            outcome_of({"result": last}) or ("open" if last else ""),
            text_of(one, "jarName"),
            _asked_by(under(last, "cause")),
            text_of(last, "reason"),
        ]
        for one, last in zip(listed, lasts, strict=True)
    ]
    headings = ["RELEASE", "KEPT", "STATE", "LAST", "JAR", "BY", "REASON"]
    columns = len(headings) if any(row[-1] for row in rows) else len(headings) - 1
    console.table(headings[:columns], [row[:columns] for row in rows])
    return Exit.DONE


def _asked_by(cause: Json) -> str:
    """Return who asked for an operation, as far as the app knows: of an upload it knows the blob alone."""
    kind = text_of(cause, "kind")
    return kind if kind in ("upload", "timer") else text_of(cause, "detail") or kind


def _last_carried_out(newest_first: list[Json]) -> Json:
    """Return the newest operation that was not only refused: a repeat that is refused hides no rollback."""
    carried_out = (one for one in newest_first if one.get("outcome") not in ("REFUSED", "SUPERSEDED"))
    return next(carried_out, next(iter(newest_first), {}))


def operations(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """A job's operations, newest first; without --job those of all jobs that are open."""
    state = args.state or (None if args.job else "open")
    found = api.all("/api/operations", "operations", job=args.job, state=state)
    if console.as_json:
        console.json({"operations": found})
        return Exit.DONE
    rows = [
        [
            text_of(one, "id") or text_of(one, "blob"),
            _action(one),
            outcome_of(one) or text_of(one, "state"),
            shown_time(one.get("requestedAt") or one.get("at")),
            text_of(under(one, "cause"), "kind"),
            text_of(under(one, "result"), "message") or text_of(one, "message"),
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
    request = under(operation, "request")
    rows = [*map(list, steps_of(operation))]
    if remarks := [text for name in ("reason", "commit", "buildUrl") if (text := text_of(request, name))]:
        rows.insert(0, [shown_time(operation.get("requestedAt")), "Requested", ", ".join(remarks)])
    if outcome := outcome_of(operation):
        result = under(operation, "result")
        rows.append([shown_time(result.get("endedAt")), outcome, text_of(result, "message")])
    console.table(["AT", "STEP", "DETAIL"], rows)
    return Exit.DONE


def uploads(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """What became of the newest uploads of all jobs."""
    found = api.get("/api/uploads", outcome=args.outcome)
    if console.as_json:
        console.json(found)
        return Exit.DONE
    rows = [
        [
            shown_time(one.get("at")),
            text_of(one, "blob"),
            text_of(one, "outcome") or text_of(one, "state"),
            text_of(one, "operation"),
            text_of(one, "message"),
        ]
        for one in found.get("uploads") or []
    ]
    console.table(["AT", "BLOB", "OUTCOME", "OPERATION", "MESSAGE"], rows)
    return Exit.DONE


def health(_args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Whether the app can do its work."""
    healthy, report = api.health()
    if console.as_json:
        console.json(report)
    else:
        reach = {name: under(report, name) for name in ("storage", "cluster")}
        console.fields(
            {
                "app": "healthy" if healthy else "unhealthy",
                "version": text_of(report, "version"),
                "cluster kind": text_of(report, "clusterKind"),
                **{name: "reachable" if one.get("reachable") else "unreachable" for name, one in reach.items()},
            }
        )
    for name in ("storage", "cluster"):
        if reason := under(report, name).get("reason"):
            console.problem(f"{name}: {reason}")
    for fault in report.get("faults") or []:
        console.problem(str(fault))
    for warning in report.get("warnings") or []:
        console.problem(str(warning), kind="warning")
    return Exit.DONE if healthy else Exit.FAILED


def under(value: Json, name: str) -> Json:
    """Return an object of a reply, an empty one where there is none."""
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def text_of(value: Json, name: str) -> str:
    """Return a field of a reply as text, an empty one where there is none."""
    found = value.get(name)
    return "" if found is None else str(found)


def _held(operation: Json) -> str:
    until = shown_time(operation.get("heldUntil"))
    return f"{text_of(operation, 'id')} until {until}" if until else text_of(operation, "id")


def _action(operation: Json) -> str:
    return text_of(under(operation, "request"), "action")


def _last(job: Json) -> str:
    if open_ones := job.get("open"):
        return f"{text_of(open_ones[0], 'action')} open"  # in a list that is all of its request
    last = under(job, "last")
    return " ".join(filter(None, [text_of(last, "action"), text_of(last, "outcome")]))
