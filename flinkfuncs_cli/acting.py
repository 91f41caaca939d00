"""The commands that change something, and the one that waits."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .api import Api, segment
from .console import Console, Json, shown_time
from .exits import Exit, Failure
from .following import Deadline, come_back, follow, outcome_of, report
from .reading import SHORT_ID, text_of
from .remarks import given, of_pipeline


def act(action: str, args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Ask for an action, and wait for its end if that is wanted."""
    body = {**of_pipeline(console.ci), **body_of(args), **given(args)}
    operation = api.post(f"/api/jobs/{segment(args.job)}/{action}", body, key=args.idempotency_key)
    console.come_back = come_back(operation)
    console.say(f"{operation.get('id')} {action.upper().replace('-', '_')} of {args.job}")
    if args.wait:
        operation = follow(api, console, operation, Deadline(args.timeout))
    return report(console, operation, waited=args.wait)


def update(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Ask for one of the three updates."""
    return act(_update(args), args, api, console)


def rollback(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Go back to an earlier release, by an update: named, or the one before that went well.

    At a terminal it asks. Without one it goes on: it is an update, and another takes it back.
    """
    action = _update(args)
    given(args)
    listed = api.get(f"/api/jobs/{segment(args.job)}/releases").get("releases") or []
    named = [one for one in listed if args.release and str(one.get("id", "")).startswith(args.release)]
    release = (named[0] if len(named) == 1 else {"id": args.release}) if args.release else _before(listed, args.job)
    number, jar = str(release["id"]), text_of(release, "jarName")
    words = " ".join(filter(None, [f"release {number[:SHORT_ID]}", jar, shown_time(release.get("keptAt"))]))
    console.say(f"rolling {args.job} back to {words}")
    if not args.yes and console.confirm(f"roll {args.job} back?") is False:
        raise Failure(Exit.USAGE, "rollback was not confirmed; nothing was sent")
    args.release = number
    return act(action, args, api, console)


def _update(args: argparse.Namespace) -> str:
    if args.stateless and args.last_state:
        raise Failure(Exit.USAGE, "--stateless and --last-state exclude each other")
    return "stateless-update" if args.stateless else "last-state-update" if args.last_state else "update"


def _before(releases: list[Json], job: str) -> Json:
    """Return the newest release in which an operation succeeded, of those before the one that runs, or should run.

    Raises:
        Failure: there is none, or its bytes are gone.

    """
    look = f"to list them: flinkfuncs releases {job}"
    now = [number for mark in ("running", "wanted") for number, one in enumerate(releases) if one.get(mark)]
    for one in releases[now[0] + 1 :] if now else ():
        if any(operation.get("outcome") == "SUCCEEDED" for operation in one.get("operations") or []):
            if one.get("available"):
                return one
            gone = f"the previous release, {str(one.get('id'))[:SHORT_ID]}, is no longer kept"
            raise Failure(Exit.REFUSED, f"{gone}; name another release; {look}", code="ReleaseGone")
    raise Failure(Exit.NOT_FOUND, f"{job} has no earlier release that succeeded; name one; {look}")


def confirmed(action: str, args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Ask for an action that cannot be taken back, once a person has confirmed it."""
    _confirm(action, args.job, args, console)
    return act(action, args, api, console)


def _confirm(action: str, what: str, args: argparse.Namespace, console: Console) -> None:
    if args.yes:
        return
    answer = console.confirm(f"{action} {what}?")
    if answer is None:
        raise Failure(Exit.USAGE, f"{action} needs confirmation, and there is no terminal: add --yes")
    if not answer:
        raise Failure(Exit.USAGE, f"{action} was not confirmed; nothing was sent")


def abandon(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """End an operation by hand, once a person has confirmed it."""
    _confirm("abandon", args.id, args, console)
    body = {**given(args), **({"evenIfBegun": True} if args.even_if_begun else {})}
    operation = api.post(f"/api/operations/{segment(args.id)}/abandon", body, key=args.idempotency_key)
    if console.as_json:
        console.json(operation)
    else:
        console.line(f"{args.id} {outcome_of(operation)} {(operation.get('result') or {}).get('message', '')}")
    return Exit.DONE


def wait(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Wait for an operation, whoever asked for it."""
    operation = api.get(f"/api/operations/{segment(args.id)}")
    return report(console, follow(api, console, operation, Deadline(args.timeout)), waited=True)


def pause(paused: bool, args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Hold a job's uploads, or let them through again."""
    why = given(args) if paused else {}
    shown = api.put(f"/api/jobs/{segment(args.job)}/uploads", {"paused": paused, **why})
    if console.as_json:
        console.json(shown)
        return Exit.DONE
    held = ", ".join(str(one.get("id")) for one in shown.get("held") or [])
    console.fields({"job": args.job, "uploads": "paused" if shown.get("paused") else "not paused", "held": held})
    return Exit.DONE


def test_message(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Send a message to the receiver, and show what it answered."""
    probe = api.post("/api/notifications/test", {}, key=args.idempotency_key)
    if console.as_json:
        console.json(probe)
    else:
        delivered = "yes" if probe.get("delivered") else "no"
        answer = f"{probe.get('status')} {probe.get('answer', '')}".strip()
        console.fields({"message": str(probe.get("id", "")), "delivered": delivered, "answer": answer})
    return Exit.DONE if probe.get("delivered") else Exit.FAILED


def body_of(args: argparse.Namespace) -> Json:
    """Return an action's body: what --body names, with the options over it."""
    options = {"savepoint": "savePointName", "release": "release", "adopt": "adopt", "plan_id": "plan"}
    said = {field: getattr(args, name, None) for name, field in options.items()}
    return {**_body(getattr(args, "body", None)), **{field: text for field, text in said.items() if text}}


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
