"""The commands that change something, and the one that waits.

A POST whose answer was lost is not sent again. The app is asked which operations of the job it has recorded since the
request left:

    operations of this action, asked for by HTTP since then     what is done
    ----------------------------------------------------------  ------------------------------------------------------
    one                                                         it is taken for this request, and that is said
    none, after a few looks                                     exit 1: it may still arrive, so look before a second try
    several                                                     exit 1, naming them
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from .api import Api, segment
from .console import Console, Json
from .exits import Exit, Failure, LostAnswerError
from .following import Deadline, follow, report

SLACK = timedelta(seconds=3)  # the Date of a reply has whole seconds, and the app's instances have clocks of their own
LOOKS = 5


def act(action: str, args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Ask for an action, and wait for its end if that is wanted."""
    body = _body(getattr(args, "body", None))
    if savepoint := getattr(args, "savepoint", None):
        body["savePointName"] = savepoint
    operation = _asked(args.job, action, body, api, console)
    console.say(f"{operation.get('id')} {action} of {args.job}")
    if args.wait:
        operation = follow(api, console, operation, Deadline(args.timeout))
    return report(console, operation, waited=args.wait)


def update(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Ask for one of the three updates."""
    if args.stateless and args.last_state:
        raise Failure(Exit.USAGE, "--stateless and --last-state exclude each other")
    return act(
        "stateless-update" if args.stateless else "last-state-update" if args.last_state else "update",
        args,
        api,
        console,
    )


def confirmed(action: str, args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Ask for an action that cannot be taken back, once a person has confirmed it."""
    if not args.yes:
        answer = console.confirm(f"{action} {args.job}?")
        if answer is None:
            raise Failure(Exit.USAGE, f"{action} asks first, and there is no terminal to ask at: add --yes")
        if not answer:
            raise Failure(Exit.USAGE, f"{action} was not confirmed; nothing was sent")
    return act(action, args, api, console)


def wait(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Wait for an operation, whoever asked for it."""
    operation = api.get(f"/api/operations/{segment(args.id)}")
    return report(console, follow(api, console, operation, Deadline(args.timeout)), waited=True)


def pause(paused: bool, args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Hold a job's uploads, or let them through again."""
    shown = api.put(f"/api/jobs/{segment(args.job)}/uploads", {"paused": paused})
    if console.as_json:
        console.json(shown)
        return Exit.DONE
    held = ", ".join(str(one.get("id")) for one in shown.get("held") or [])
    console.fields({"job": args.job, "uploads": "paused" if shown.get("paused") else "let through", "held": held})
    return Exit.DONE


def _body(file: str | None) -> Json:
    if file is None:
        return {}
    try:
        body = json.loads(sys.stdin.read() if file == "-" else Path(file).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Failure(Exit.USAGE, f"{file} cannot be read as JSON: {error}") from None
    if not isinstance(body, dict):
        raise Failure(Exit.USAGE, f"{file} is not a JSON object")
    return body


def _asked(job: str, action: str, body: Json, api: Api, console: Console) -> Json:
    begun = time.monotonic()
    try:
        return api.post(f"/api/jobs/{segment(job)}/{action}", body)
    except LostAnswerError as lost:
        console.say(f"{lost.message}; looking whether the request arrived")
        found = _recorded(job, action, begun, api)
        if len(found) == 1:
            console.say(f"operation {found[0].get('id')} was recorded meanwhile, and is taken for this request")
            return found[0]
        look = f"look before you try again: flinkfuncs operations --job {job}"
        seen = (
            f"several operations came since: {', '.join(str(one.get('id')) for one in found)}"
            if found
            else ("no operation of it is seen, and it may still arrive")
        )
        raise Failure(Exit.FAILED, f"{lost.message}; {seen}; {look}") from None


def _recorded(job: str, action: str, begun: float, api: Api) -> list[Json]:
    """Return the operations that may be the one whose answer was lost; the app's own clock says which are new."""
    for look in range(LOOKS):
        time.sleep(min(look, 2))
        try:
            listed, now = api.listed_at("/api/operations", "operations", job=job)
        except Failure as failure:
            if failure.exit_code is Exit.DENIED:
                raise
            continue
        since = now and now - timedelta(seconds=time.monotonic() - begun) - SLACK
        if found := [one for one in listed if _is_asked_since(one, action, since)]:
            return found
    return []


def _is_asked_since(operation: Json, action: str, since: datetime | None) -> bool:
    request, cause = operation.get("request") or {}, operation.get("cause") or {}
    if request.get("action") != action.upper().replace("-", "_") or cause.get("kind") != "http":
        return False
    try:
        return since is not None and datetime.fromisoformat(str(operation.get("requestedAt"))) >= since
    except (ValueError, TypeError):
        return False
