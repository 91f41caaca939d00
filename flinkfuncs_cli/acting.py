"""The commands that change something, and the one that waits."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .api import Api, segment
from .console import Console, Json
from .exits import Exit, Failure
from .following import Deadline, follow, report


def act(action: str, args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Ask for an action, and wait for its end if that is wanted."""
    body = _body(getattr(args, "body", None))
    if savepoint := getattr(args, "savepoint", None):
        body["savePointName"] = savepoint
    operation = api.post(f"/api/jobs/{segment(args.job)}/{action}", body, key=args.idempotency_key)
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
