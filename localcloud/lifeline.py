"""What makes a child program die with its parent, even when the parent is killed with SIGKILL?

    python lifeline.py PARENT_PID PROGRAM ARGUMENT…    becomes PROGRAM, which Linux then kills when its parent dies

Run by path with nothing of the project imported, so that it costs some milliseconds only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Bind this process to its parent, then become the program."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  (no shell is wanted)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
