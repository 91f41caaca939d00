"""The command line: which commands there are, and what becomes of their errors.

A new command is a line in COMMANDS and a function that takes the arguments, the client and the console. With --json
stdout is one JSON document whatever happens, of an error `{"error": {"exit", "code", "message"}}`; only where the
command line itself is wrong (exit 2, by argparse) there is none.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import TypeAlias

from . import acting, completion, deploying, planning, reading
from .api import Api
from .config import configuration
from .console import Console, use_utf8
from .exits import Exit, Failure

Run: TypeAlias = Callable[[argparse.Namespace, Api, Console], Exit]
Option: TypeAlias = Callable[[argparse.ArgumentParser], object]


@dataclass(frozen=True)
class Command:
    """One command."""

    name: str
    words: str
    run: Run
    options: Sequence[Option] = ()


def option(*names: str, **how: object) -> Option:
    """Describe an option or a positional argument as argparse takes it."""
    return lambda parser: parser.add_argument(*names, **how)  # type: ignore[arg-type]  # argparse's own


def seconds(text: str) -> float:
    """Read a --timeout."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(text)
    return value


def key(text: str) -> str:
    """Read an --idempotency-key."""
    if not re.fullmatch("[!-~]{1,128}", text):
        raise ValueError(text)
    return text


JOB = option("job", metavar="JOB", help="the job's name")
ID = option("id", metavar="ID", help="the operation's id")
YES = option("--yes", action="store_true", help="do not ask for confirmation")
WAIT = option("--wait", action="store_true", help="wait until the operation has ended; the exit code is its outcome")
TIMEOUT = option("--timeout", type=seconds, default=3600.0, metavar="SECONDS", help="how long to wait (default: 3600)")
WAITING = (WAIT, TIMEOUT)
KEY = option(
    "--idempotency-key",
    type=key,
    metavar="KEY",
    help="idempotency key of the request; the same key finds the same operation (default: a new key)",
)
SAVEPOINT = option("--savepoint", metavar="NAME", help="the savepoint to start from: its name or full path")
BODY = option("--body", metavar="FILE", help="other fields of the request, as JSON; - is stdin")
PLAN_ID = option("--plan-id", metavar="ID", help="act only if nothing has changed since this plan")
REASON = option("--reason", metavar="TEXT", help="the reason, one line for the history")
REMARKS = (
    REASON,
    option("--build-url", metavar="URL", help="the build (default in a pipeline: the current one)"),
    option("--commit", metavar="HASH", help="the commit of the build (default in a pipeline: the current one)"),
)
ACTING = (KEY, PLAN_ID, *REMARKS, *WAITING)
JOB_NAME = option("--job", required=True, metavar="NAME", help="the job's name")
STATELESS = option("--stateless", action="store_true", help="start without state; the old state is kept as a savepoint")
LAST_STATE = option(
    "--last-state", action="store_true", help="start from the newest checkpoint, without taking a savepoint"
)
DESCRIBING = (
    STATELESS,
    option("--args", metavar="TEXT", help="main()'s arguments (--args=--x …); do not put secrets here"),
    option("--entry-class", metavar="CLASS", help="the class with main()"),
    option("--parallelism", type=int, metavar="N", help="the job's parallelism"),
    option("--savepoint", metavar="NAME", help="the savepoint from which a new job starts"),
    option("--job-json", metavar="FILE", help="other fields of the job.json: docs/uploads.md"),
    option("--again", action="store_true", help="deploy a release that was rolled back before"),
    option("--storage-url", metavar="URL", help="storage account of the jars (FLINKFUNCS_STORAGE_URL)"),
    option("--container", metavar="NAME", help="container of the jars (FLINKFUNCS_CONTAINER; default: jars)"),
)
ACTIONS = (
    *("new", "start", "stop", "update", "stateless-update", "last-state-update"),
    *("re-launch", "savepoint", "cancel", "delete"),
)

COMMANDS = (
    Command(
        "deploy",
        "upload a jar, which updates the job from its state or starts a new job",
        deploying.deploy,
        (
            option("jar", metavar="JAR", help="the jar"),
            JOB_NAME,
            *DESCRIBING,
            option("--plan", action="store_true", help="show the plan first, and deploy only what it says"),
            YES,
            PLAN_ID,
            *REMARKS,
            *WAITING,
        ),
    ),
    Command(
        "plan",
        "show what the deployment of a jar, or an action, would do, without doing it",
        planning.plan,
        (
            option("jar", metavar="JAR", nargs="?", help="the jar"),
            JOB_NAME,
            option(
                "--action",
                choices=ACTIONS,
                metavar="ACTION",
                help=f"plan an action in place of a jar: {', '.join(ACTIONS)}",
            ),
            *DESCRIBING,
            option("--release", metavar="RELEASE", help="the release to which an update returns"),
            BODY,
            option(
                "--markdown", metavar="FILE", help="also write the plan as a comment for a pull request; - is stdout"
            ),
        ),
    ),
    Command("jobs", "list the jobs", reading.jobs),
    Command("job", "show one job", reading.job, (JOB,)),
    Command("stop", "stop a job with a savepoint", partial(acting.act, "stop"), (JOB, BODY, *ACTING)),
    Command("start", "start a job that is not running", partial(acting.act, "start"), (JOB, SAVEPOINT, BODY, *ACTING)),
    Command(
        "update",
        "update a job with the fields in --body, or restart it with its recorded release",
        acting.update,
        (
            JOB,
            STATELESS,
            LAST_STATE,
            SAVEPOINT,
            BODY,
            *ACTING,
        ),
    ),
    Command(
        "adopt",
        "make a job of one that already runs on Flink",
        partial(acting.act, "new"),
        (JOB, option("adopt", metavar="FLINK_JOB_ID", help="the id of what runs"), *ACTING),
    ),
    Command("releases", "list a job's releases", reading.releases, (JOB,)),
    Command(
        "rollback",
        "return to an earlier release: RELEASE, or the newest one that succeeded",
        acting.rollback,
        (
            JOB,
            option("release", metavar="RELEASE", nargs="?", help="the release's id, or at least its first 8 digits"),
            STATELESS,
            LAST_STATE,
            YES,
            *ACTING,
        ),
    ),
    Command("savepoint", "take a savepoint", partial(acting.act, "savepoint"), (JOB, *ACTING)),
    Command("savepoints", "list a job's savepoints", reading.savepoints, (JOB,)),
    Command("cancel", "end a job without a savepoint", partial(acting.confirmed, "cancel"), (JOB, YES, *ACTING)),
    Command(
        "delete",
        "release the name of a job that is not running",
        partial(acting.confirmed, "delete"),
        (JOB, YES, *ACTING),
    ),
    Command(
        "operations",
        "list a job's operations, or the open operations of all jobs",
        reading.operations,
        (
            option("--job", metavar="JOB", help="list the operations of this job"),
            option("--state", choices=("open", "closed", "rejected"), help="list only operations in this state"),
        ),
    ),
    Command("wait", "wait for an operation; the exit code is its outcome", acting.wait, (ID, TIMEOUT)),
    Command("logs", "show an operation's steps", reading.logs, (ID,)),
    Command(
        "abandon",
        "withdraw an operation that has not begun, or end a stuck one with --even-if-begun",
        acting.abandon,
        (
            ID,
            option(
                "--even-if-begun", action="store_true", help="end it although what it has begun may still take effect"
            ),
            *(REASON, YES, KEY),
        ),
    ),
    Command("pause", "hold a job's uploads", partial(acting.pause, True), (JOB, REASON)),
    Command("resume", "release a job's held uploads", partial(acting.pause, False), (JOB,)),
    Command(
        "uploads",
        "show the newest uploads and their results",
        reading.uploads,
        (option("--outcome", metavar="OUTCOME", help="show only uploads with this outcome, such as REFUSED"),),
    ),
    Command("test-message", "send a test message to NOTIFY_URL", acting.test_message, (KEY,)),
    Command("health", "check whether the app can do its work", reading.health),
)


def parser() -> argparse.ArgumentParser:
    """Build the parser; what every command takes may come before the command, too."""
    whole = argparse.ArgumentParser(
        prog="flinkfuncs", description="Deploy and control Flink jobs through flinkfuncs.", allow_abbrev=False
    )
    whole.add_argument("--version", action="version", version=f"%(prog)s {version()}")
    _add_common(whole, defaults=True)
    commands = whole.add_subparsers(metavar="COMMAND", dest="command", required=True)
    named: dict[str, argparse.ArgumentParser] = {}
    for command in COMMANDS:
        one = commands.add_parser(command.name, help=command.words, description=command.words, allow_abbrev=False)
        _add_common(one, defaults=False)
        for add in command.options:
            add(one)
        one.set_defaults(run=command.run)
        named[command.name] = one
    hidden = commands.add_parser("completion")  # without a help text no list shows it
    hidden.add_argument("shell", choices=completion.SHELLS)
    hidden.set_defaults(run=None, script=lambda shell: completion.script(shell, whole, named))
    return whole


def _add_common(to: argparse.ArgumentParser, *, defaults: bool) -> None:
    def add(*names: str, **how: object) -> None:
        how = (
            how if defaults else how | {"default": argparse.SUPPRESS}
        )  # else it would undo what came before the command
        group.add_argument(*names, **how)  # type: ignore[arg-type]  # argparse's own

    group = to.add_argument_group("options of every command")
    add("--json", action="store_true", dest="as_json", help="write JSON to stdout")
    add("--url", metavar="URL", help="the app's URL (FLINKFUNCS_URL)")
    add("--profile", metavar="NAME", help="a profile of ~/.config/flinkfuncs/config.toml (FLINKFUNCS_PROFILE)")
    add(
        "--ci",
        choices=("auto", "azure", "github", "none"),
        default="auto",
        help="whose log commands to write (default: auto)",
    )
    add("--verbose", action="store_true", help="print more on stderr")


def version() -> str:
    """Return the installed version."""
    try:
        return metadata.version("flinkfuncs")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def pipeline(said: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return whose log commands are written."""
    if said != "auto":
        return said
    if environment.get("TF_BUILD", "").lower() == "true":
        return "azure"
    return "github" if environment.get("GITHUB_ACTIONS") == "true" else "none"


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    use_utf8()
    args = parser().parse_args(words)
    console = Console(as_json=args.as_json, ci=pipeline(args.ci), verbose=args.verbose)
    try:
        if args.run is None:
            sys.stdout.write(args.script(args.shell) + "\n")
            return int(Exit.DONE)
        return int(_run(args, console))
    except Failure as failure:
        console.problem(failure.message, code=failure.code)
        if console.as_json:
            error = {"exit": int(failure.exit_code), "code": failure.code, "message": failure.message}
            console.json({"error": error})
        return int(failure.exit_code)
    except KeyboardInterrupt:
        console.say(f"interrupted; {console.come_back}" if console.come_back else "interrupted")
        return int(Exit.INTERRUPTED)


def _run(args: argparse.Namespace, console: Console) -> Exit:
    config = configuration(args)
    if config.readable_by_others:
        console.problem(f"{config.readable_by_others} holds a secret and others may read it: chmod 600", kind="warning")
    run: Run = args.run
    return run(args, Api(config, console), console)


if __name__ == "__main__":
    sys.exit(main())
