"""Inside the app's host: every call of the app crosses here, is written down, and is perhaps the last one.

{"cell": "c7", "site": "POST flink /jobs/:id/stop", "nth": 1, "since": "PUT ledger jobs/:job #7", "by": […]}
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from tests.harness.calls import Counting, Crossing, When
from tests.harness.sites import RENEWAL, Namer
from tests.harness.ways_out import called_by, wrapped

from .plan import Plan, is_killed, mark_killed, read_plan

DIRECTORY_SETTING = "CROSSINGS_DIRECTORY"
FOR_GOOD = ExitStack()  # what is wrapped stays so as long as this is here
T = TypeVar("T")


class Crossings:
    """The calls of the app in this process."""

    def __init__(self, directory: Path, namer: Namer) -> None:
        """Look for plans in `directory`, and write the calls down there."""
        self._directory = directory
        self._namer = namer
        self._lock = threading.Lock()
        self._cell = ""
        self._counting = Counting()

    def around(self, method: str, url: str, call: Callable[[], T]) -> T:
        """Make a call, unless this is where the app dies; a call that fails has been crossed, too."""
        if (by := called_by()) is None:
            return call()
        plan = read_plan(self._directory)
        if plan is None:
            return call()
        renewal = RENEWAL if "Claim.renew" in by else ""
        crossing = self._cross(plan, self._namer.site(method, url) + renewal, by)
        self._die_if(plan, crossing, "before")
        try:
            return call()
        finally:
            self._die_if(plan, crossing, "after")

    def _cross(self, plan: Plan, site: str, by: list[str]) -> Crossing:
        with self._lock:
            if self._cell != plan.cell:
                self._cell, self._counting = plan.cell, Counting()
            crossing = self._counting.cross(site)
            line = {"cell": plan.cell, "site": site, "nth": crossing.nth, "since": crossing.since, "by": by}
            with (self._directory / "crossings.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
        return crossing

    def _die_if(self, plan: Plan, crossing: Crossing, when: When) -> None:
        if plan.kills(crossing, when) and not is_killed(self._directory, plan.cell):
            mark_killed(self._directory, plan.cell)
            os.kill(os.getpid(), signal.SIGKILL)


def install() -> None:
    """Let the calls of this process cross, until it ends."""
    crossings = Crossings(Path(os.environ[DIRECTORY_SETTING]), Namer(os.environ))
    FOR_GOOD.enter_context(wrapped(lambda request, call, _: crossings.around(request.method, request.url, call)))
