"""How does the command line end? One exit code for each thing that a pipeline decides by.

0    done: SUCCEEDED; or shown, or accepted where nothing waits for it; a plan that would do something, or nothing
1    failed: FAILED, UNKNOWN, ABANDONED, an outcome that this version does not know; a plan that cannot tell; or the app
     or storage failed
2    usage: wrong options or configuration; nothing was sent
3    REFUSED or SUPERSEDED, a plan that would be, or the app did not accept the request: nothing was touched
4    sign-in or permission
5    ROLLED_BACK: the release was no good, and the old one runs again
6    UNPROVEN: the new run is kept, and nothing shows that it is well, or that it is not
7    still open when --timeout ran out: the id is on stdout, the command that goes on waiting on stderr
8    not found
130  Ctrl-C: the operation goes on
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class Exit(IntEnum):
    """The exit codes."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    DENIED = 4
    ROLLED_BACK = 5
    UNPROVEN = 6
    OPEN = 7
    NOT_FOUND = 8
    INTERRUPTED = 130


OUTCOMES: Mapping[str, Exit] = MappingProxyType(
    {
        "SUCCEEDED": Exit.DONE,
        "FAILED": Exit.FAILED,
        "UNKNOWN": Exit.FAILED,
        "ABANDONED": Exit.FAILED,
        "REFUSED": Exit.REFUSED,
        "SUPERSEDED": Exit.REFUSED,
        "ROLLED_BACK": Exit.ROLLED_BACK,
        "UNPROVEN": Exit.UNPROVEN,
    }
)

VERDICTS: Mapping[str, Exit] = MappingProxyType(
    {
        "NOTHING_TO_DO": Exit.DONE,
        "WILL_DO": Exit.DONE,
        "WOULD_BE_REFUSED": Exit.REFUSED,
        "UNKNOWN": Exit.FAILED,
    }
)


class Failure(Exception):
    """Something went wrong, and this is how the command ends for it; `code` is the app's own word, for programs."""

    def __init__(self, exit_code: Exit, message: str, *, code: str | None = None) -> None:
        """Keep both."""
        super().__init__(message)
        self.exit_code, self.message, self.code = exit_code, message, code


class UnansweredError(Failure):
    """No connection was made, or the answer was lost: the same request may be sent again."""
