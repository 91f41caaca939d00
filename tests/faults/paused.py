"""A driver in a process of its own, which stops itself (SIGSTOP) right before or right after one of its calls.

`python -m tests.faults.paused` reads one order a line, and answers each with the id of the process that carries it out.
The process is forked, since a start of Python costs a second; what becomes of it stands in a file.

    {"place": {…}, "call": ["POST flink /jobs/:id/stop", 1], "when": "before", "result": "/tmp/…/1"}
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness.calls import When
from tests.harness.ways_out import wrapped
from tests.unit.builders import ORDERS

from .lane import Place


@dataclass
class Pausing:
    """Counts the calls of one site, and stops the process at one of them."""

    place: Place
    site: str
    nth: int
    when: When
    counted: int = field(default=0)

    def around(self, request: Any, call: Callable[[], Any], _: object) -> Any:  # noqa: ANN401 - of either library
        """Make a call, and stop beside it if it is the one."""
        here = self.place.namer.site(request.method, request.url) == self.site and self._is_it()
        if here and self.when == "before":
            os.kill(os.getpid(), signal.SIGSTOP)
        try:
            return call()
        finally:
            if here and self.when == "after":
                os.kill(os.getpid(), signal.SIGSTOP)

    def _is_it(self) -> bool:
        self.counted += 1
        return self.counted == self.nth


def carry_out(order: dict[str, Any]) -> None:
    """Drive the job, and write down how that ended."""
    result = Path(order["result"])
    place = Place(**order["place"])
    site, nth = order["call"]
    pausing = Pausing(place, site, nth, order["when"])
    try:
        with result.with_suffix(".log").open("w") as log, wrapped(pausing.around):
            logging.basicConfig(stream=log, level=logging.INFO, force=True)
            place.driver().drive(ORDERS)
        end = "returned"
    except BaseException:  # noqa: BLE001 - whatever it is, the test has to know
        end = traceback.format_exc()
    draft = result.with_suffix(".draft")
    draft.write_text(end)
    draft.rename(result)


def main() -> None:
    """Fork a driver for each order."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        if child := os.fork():
            print(child, flush=True)  # noqa: T201 - the answer
            continue
        carry_out(json.loads(line))
        os._exit(0)


if __name__ == "__main__":
    main()
