"""plan: what an upload or an action would do, on stdout; nothing is recorded, and no job is touched."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from .acting import body_of
from .api import Api, segment
from .console import Console, Json
from .deploying import intended, planned
from .exits import VERDICTS, Exit, Failure
from .plans import lines, markdown, verdict_of
from .upload import Container

OF_A_JAR = ("args", "entry_class", "parallelism", "job_json", "stateless", "again")
OF_AN_ACTION = ("body", "release")


def plan(args: argparse.Namespace, api: Api, console: Console) -> Exit:
    """Show what the upload of a jar would do, or an action."""
    if (args.jar is None) is (args.action is None):
        raise Failure(Exit.USAGE, "name either a JAR or an --action to plan")
    for name in OF_A_JAR if args.action else OF_AN_ACTION:
        if getattr(args, name):
            other = "a plan of a JAR" if args.action else "a plan of an --action"
            raise Failure(Exit.USAGE, f"--{name.replace('_', '-')} is only for {other}")
    if args.action:
        path = f"/api/jobs/{segment(args.job)}/{args.action}"
        return _show(api.plan(path, body_of(args), dryRun="true"), args, console)
    container = Container(api.config, console)
    return _show(planned(intended(args, container, console), args, container, api), args, console)


def _show(found: Json, args: argparse.Namespace, console: Console) -> Exit:
    """Write a plan, and return how the command ends for its verdict."""
    document = markdown(found, args.job)
    if args.markdown == "-":
        console.document(document)
    elif args.markdown:
        try:
            Path(args.markdown).write_text(document, "utf-8")
        except OSError as error:
            raise Failure(Exit.USAGE, f"{args.markdown} cannot be written: {error}") from None
    if args.markdown != "-":
        if console.as_json:
            console.json(found)
        else:
            console.paragraphs(lines(found, args.job, datetime.now(UTC)))
    if console.as_json or console.ci != "none" or args.markdown == "-":
        for warning in found.get("warnings") or []:
            console.problem(str(warning), kind="warning")
    ending = VERDICTS.get(str(found.get("verdict")), Exit.FAILED)
    if ending is not Exit.DONE:
        console.problem(verdict_of(found, args.job), code=found.get("code"))
    return ending
