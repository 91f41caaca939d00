"""Run the wire faults: `make wire-faults`, or `python -m tests.faults [--rows A,B] [--sections A,B] …`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.harness import command

from . import cells
from .faults import wire_faults


def main() -> int:
    """Run them."""
    lanes = "cells that run at the same time in each process"
    parser = command.parser("tests.faults", "Let the wire fail at every call.", lanes=lanes)
    parser.add_argument("--sections", default=",".join(cells.SECTIONS), help="of faults, writers, pairs (default: all)")
    parser.add_argument("--faults", help="faults, separated by commas (default: all)")
    parser.add_argument("--writers", default="", help="only these who write beside, separated by commas")
    parser.add_argument("--seed", type=int, default=1, help="draws the samples")
    parser.add_argument("--reads", type=int, default=cells.READS, help="how many of the faults each read meets")
    parser.add_argument(
        "--sample", type=int, default=cells.SAMPLE, help="how many cells of each row the other samples have"
    )
    parser.set_defaults(lanes=8)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: one for each core")
    options = parser.parse_args()
    return command.main(wire_faults(options, Path(tempfile.mkdtemp(prefix="faults-"))), options)


if __name__ == "__main__":
    sys.exit(main())
