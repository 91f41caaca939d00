"""What is written where? Data goes to stdout, everything for people to stderr.

                           stdout                                       stderr
    ---------------------  -------------------------------------------  ------------------------------------------
    a terminal             a table as wide as the terminal, coloured    messages; an upload's progress in one line
    a pipe or a file       the same table, neither cut nor coloured     messages, a line each
    --json                 one JSON document, of an error as well       the same
    NO_COLOR, TERM=dumb    no colour                                    no colour
    in a pipeline (--ci)   the same                                     errors and warnings as its log commands

Texts come from the app, from Flink and from users' code. So control characters are taken out of them before they reach
a terminal, and what a pipeline's agent would take for one of its log commands is defused, in JSON as well.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

Json = dict[str, Any]

GREEN, YELLOW, RED, BOLD_RED = "32", "33", "31", "1;31"
COLOURS: Mapping[str, str] = {
    **dict.fromkeys(("RUNNING", "SUCCEEDED", "healthy", "reachable", "running"), GREEN),
    **dict.fromkeys(("UNKNOWN", "RESTARTING", "UNPROVEN", "ABANDONED", "SUPERSEDED", "VANISHED", "waiting"), YELLOW),
    **dict.fromkeys(("FAILED", "REFUSED", "ROLLED_BACK", "rejected", "unhealthy", "unreachable"), RED),
}
_LOG_COMMAND = re.compile(r"#(?=#\[|#vso\[)", re.IGNORECASE)  # the agents look for them anywhere in a line
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Console:
    """Writes; a pipe that was closed at its other end is written to no more, and is no error."""

    def __init__(self, *, as_json: bool, ci: str = "none", verbose: bool = False) -> None:
        """Look at what stdout and stderr are."""
        self.as_json, self.ci, self.verbose = as_json, ci, verbose
        self.come_back: str | None = None  # what a person who interrupts this is shown
        self._coloured = takes_colours(sys.stdout)
        self._in_progress = False

    # ----------------------------------------------------------------------------------------------------------- data

    def json(self, value: object) -> None:
        """Write one JSON document."""
        self._write(sys.stdout, _LOG_COMMAND.sub(r"\\u0023", json.dumps(value, indent=2, ensure_ascii=True)) + "\n")

    def line(self, text: str) -> None:
        """Write one line of data."""
        self._write(sys.stdout, plain(text) + "\n")

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table; on a terminal that is too narrow for it, each row as lines of its own.

        The last column may be cut on a terminal. Nothing else is: ids are there to be copied.
        """
        cells = [[plain(cell) or "-" for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
        terminal = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        if terminal and cells and sum(widths[:-1]) + 2 * len(widths) + len(headings[-1]) > terminal:
            for row in cells:
                self.fields(dict(zip(headings, row, strict=True)))
                self._write(sys.stdout, "\n")
            return
        for row in [[*headings], *cells]:
            *firsts, last = row
            padded = [
                self._coloured_word(cell) + " " * (width - len(cell))
                for cell, width in zip(firsts, widths, strict=False)
            ]
            room = terminal - sum(widths[:-1]) - 2 * len(firsts) if terminal else len(last)
            shown = last if len(last) <= room else last[: room - 1] + "…"
            self._write(sys.stdout, "  ".join([*padded, self._coloured_word(shown)]).rstrip() + "\n")

    def paragraphs(self, paragraphs: Sequence[tuple[str, str | None]], *, for_people: bool = False) -> None:
        """Write texts with a colour each, indented as they begin; a terminal's width breaks lines, but no word.

        To stdout, or with `for_people` to stderr.
        """
        stream = sys.stderr if for_people else sys.stdout
        coloured = takes_colours(stream)
        for text, colour in paragraphs:
            indent = " " * (len(text) - len(text.lstrip(" ")))
            lines = [indent + plain(text)]
            if stream.isatty():
                columns = shutil.get_terminal_size().columns
                lines = textwrap.wrap(
                    plain(text),
                    columns,
                    initial_indent=indent,
                    subsequent_indent=indent + "  ",
                    break_long_words=False,  # ids and paths are there to be copied
                    break_on_hyphens=False,
                )
            for line in lines:
                self._write(stream, (f"\x1b[{colour}m{line}\x1b[0m" if colour and coloured else line) + "\n")

    def document(self, text: str) -> None:
        """Write a text of several lines, whose foreign parts are `plain` already."""
        self._write(sys.stdout, text)

    def fields(self, values: Mapping[str, str | None]) -> None:
        """Write a name and a value a line, of what there is."""
        for name, value in values.items():
            if value:
                self._write(sys.stdout, f"{name}: {self._coloured_word(plain(value))}\n")

    # --------------------------------------------------------------------------------------------------------- people

    def say(self, text: str) -> None:
        """Write a message."""
        self._log(plain(text))

    def detail(self, text: str) -> None:
        """Write a message that only --verbose shows."""
        if self.verbose:
            self.say(text)

    def progress(self, text: str) -> None:
        """Write over the last progress, on a terminal; elsewhere nothing."""
        if sys.stderr.isatty():
            self._in_progress = True
            columns = shutil.get_terminal_size().columns
            self._write(sys.stderr, "\r" + plain(text)[: columns - 1].ljust(columns - 1))

    def problem(self, text: str, *, code: str | None = None, kind: str = "error") -> None:
        """Write an error or a warning; in a pipeline as its log command, which marks it in the log and the summary.

            ##vso[task.logissue type=error;code=JobNotFound]there is no job 'orders'
            ::error title=JobNotFound::there is no job 'orders'

        To stderr, like all that is for people: the agents of both look for log commands there, too.
        """
        code = re.sub(r"\W", "", code or "")
        if self.ci == "azure":
            named = f";code={code}" if code else ""
            self._log(f"##vso[task.logissue type={kind}{named}]" + plain(text).replace("%", "%AZP25"))
        elif self.ci == "github":
            named = f" title={code}" if code else ""
            self._log(f"::{kind}{named}::" + plain(text).replace("%", "%25"))
        else:
            self._log(f"{kind}: {plain(text)}" + (f" ({code})" if code else ""))

    def confirm(self, question: str) -> bool | None:
        """Ask a person; None: there is nobody to ask."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return None
        self._write(sys.stderr, f"{plain(question)} [y/N] ")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    # -------------------------------------------------------------------------------------------------------- writing

    def _coloured_word(self, text: str) -> str:
        colour = COLOURS.get(text) if self._coloured else None
        return f"\x1b[{colour}m{text}\x1b[0m" if colour else text

    def _log(self, line: str) -> None:
        ended, self._in_progress = "\n" if self._in_progress else "", False
        self._write(sys.stderr, f"{ended}{line}\n")

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text)
            stream.flush()
        except BrokenPipeError:
            with suppress(OSError):  # what is left in the buffer goes nowhere, and the interpreter ends without a word
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def plain(text: str) -> str:
    """Return a text as one line without control characters, in which no agent finds a log command."""
    return _LOG_COMMAND.sub("#_", _CONTROL.sub(" ", text)).strip()


def shown_time(text: object) -> str:
    """Write a time of a reply as ISO 8601 in UTC with whole seconds, or as it is where it cannot be read."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text or "")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at.tzinfo else str(text)


def shown_size(size: object) -> str:
    """Write a number of bytes with a unit that suits it; nothing where there is none."""
    if not isinstance(size, int):
        return ""
    amount, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1000:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def takes_colours(stream: TextIO) -> bool:
    """Whether colours are for it."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def use_utf8() -> None:
    """Write UTF-8 whatever the locale says, so that no text ends the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
