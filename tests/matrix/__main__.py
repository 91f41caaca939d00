"""Run the crash matrix: `make crash-matrix`, or `python -m tests.matrix [--rows A,B] [--flink VERSION] …`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.harness import command

from .matrix import NEWEST, crash_matrix


def main() -> int:
    """Run it."""
    parser = command.parser("tests.matrix", "Kill the app at every call.", lanes="cells that run at the same time")
    parser.add_argument("--flink", default=NEWEST, metavar="VERSION")
    parser.add_argument("--directory", help="keeps logs, state and output (default: a temporary one)")
    options = parser.parse_args()
    directory = Path(options.directory or tempfile.mkdtemp(prefix="matrix-"))
    return command.main(crash_matrix(options, directory), options)


if __name__ == "__main__":
    sys.exit(main())
