r"""How a job's arguments, one text in the API, are split into those of main(): as a POSIX shell does.

    args                        main() gets
    --------------------------  ---------------------------
    --topic orders  --n 3       --topic, orders, --n, 3
    'two words' a\ b x"y z"     two words, a b, xy z
    "a \"b\" c" ''              a "b" c, (an empty one)

As `shlex.split`, but in time that grows with the length of the text; that of shlex grows with the square of a word's
length, and a record is read, and its arguments checked, many times in an update.
"""

from __future__ import annotations

import re

_PIECE = re.compile(r"""[ \t\r\n]++|((?:[^ \t\r\n"'\\]++|\\.|'[^']*+'|"(?:[^"\\]++|\\.)*+")++)|(.)""", re.DOTALL)
_QUOTING = re.compile(r"""\\(.)|'([^']*+)'|"((?:[^"\\]++|\\.)*+)\"""", re.DOTALL)
_ESCAPED_IN_QUOTES = re.compile(r'\\([\\"])')


def split_arguments(args: str) -> list[str]:
    """Return the arguments one by one.

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
