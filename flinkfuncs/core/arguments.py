r"""How a job's arguments, where they are written as one text, are split into those of main().

    args                                 main() gets
    -----------------------------------  ----------------------------------
    --topic orders  --n 3                --topic, orders, --n, 3
    --path C:\data\new --re ^\d+\.\w+$   --path, C:\data\new, --re, ^\d+\.\w+$
    --owner it's --json {"a":1}          --owner, it's, --json, {"a":1}
    'two words' --name="two words" ''    two words, --name=two words, (an empty one)

Words are separated by white space. Quotes count around a whole word, or around all of it behind its first `=`; every
other quote is a letter, and so is every backslash. Flink splits one text in the same way, but drops every quote. A list
of strings is taken as it is, and can hold what no text can.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"""\s*+(?:([^\s="']*+=)?+(["'])|(\S++))""", re.ASCII)
_CLOSING = {quote: re.compile(rf"{quote}(?=\s|\Z)", re.ASCII) for quote in "\"'"}


def split_arguments(args: str) -> list[str]:
    """Return the arguments one by one.

    Raises:
        ValueError: a quotation is not closed.

    """
    words: list[str] = []
    at = 0
    while begun := _WORD.match(args, at):
        before, quote, word = begun.groups()
        at = begun.end()
        if quote:
            closing = _CLOSING[quote].search(args, at)
            if closing is None:
                raise ValueError(f"the {quote} that begins word {len(words) + 1} is not closed (a list takes any word)")
            word = (before or "") + args[at : closing.start()]
            at = closing.end()
        words.append(word)
    return words


def join_arguments(words: Sequence[str]) -> str:
    """Return one text that is split into these arguments.

    Raises:
        ValueError: there is none: a word holds white space and both kinds of quotes.

    """
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    for written in (word, f'"{word}"', f"'{word}'"):
        try:
            if split_arguments(written) == [word]:
                return written
        except ValueError:
            continue
    raise ValueError("an argument holds white space and both kinds of quotes: one text of arguments cannot say it")


_PIECE = re.compile(r"""[ \t\r\n]++|((?:[^ \t\r\n"'\\]++|\\.|'[^']*+'|"(?:[^"\\]++|\\.)*+")++)|(.)""", re.DOTALL)
_QUOTING = re.compile(r"""\\(.)|'([^']*+)'|"((?:[^"\\]++|\\.)*+)\"""", re.DOTALL)
_ESCAPED_IN_QUOTES = re.compile(r'\\([\\"])')


def split_as_recorded(args: str) -> list[str]:
    """Return the arguments of a text that an older version of this app recorded: as a POSIX shell splits it.

    As `shlex.split`, but in time that grows with the length of the text; that of shlex grows with the square of a
    word's length, and a record is read, and its arguments checked, many times in an update.

    Raises:
        ValueError: a quotation is not closed, or nothing follows the last backslash.

    """
    words: list[str] = []
    for word, left_open in _PIECE.findall(args):
        if left_open:
            raise ValueError("No closing quotation, or nothing after the last backslash")
        if word:
            words.append(_QUOTING.sub(_unquoted, word))
    return words


def _unquoted(part: re.Match[str]) -> str:
    escaped, literal, quoted = part.groups()
    if quoted is not None:
        return _ESCAPED_IN_QUOTES.sub(r"\1", quoted)
    return escaped if escaped is not None else literal or ""
