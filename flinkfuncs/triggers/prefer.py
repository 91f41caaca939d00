"""How long a caller wants its request held: the `wait` preference of RFC 7240, and nothing else of that header.

    Prefer: wait=30                     hold the reply for at most 30 seconds
    Prefer: respond-async, wait=30      the same
    Prefer: wait=soon, handling=strict  nothing: a preference that cannot be understood is no error (section 2)

What was understood is echoed as `Preference-Applied: wait=30`. The platform cuts replies off after 230 s.
"""

from __future__ import annotations

import re

LONGEST_WAIT_SECONDS = 200

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_WORD = rf'(?:{_NAME}|"(?:[^"\\]|\\.)*")'
_PARAMETER = rf"{_NAME}(?:[ \t]*=[ \t]*{_WORD})?"
_PREFERENCE = re.compile(
    rf"[ \t]*(?P<name>{_NAME})(?:[ \t]*=[ \t]*(?P<value>{_WORD}))?(?:[ \t]*;(?:[ \t]*{_PARAMETER})?)*[ \t]*"
)
_EMPTY = re.compile(r"[ \t]*(?=,|$)")  # a list may have empty elements (RFC 9110, 5.6.1)
_SECONDS = re.compile(r'"?(\d+)"?')


def wait_seconds(header: str | None) -> int | None:
    """Return for how many seconds (0 to 200) the caller wants the reply held, or None where it does not say.

    Of a preference that stands there twice the first counts (section 2).
    """
    for name, value in _preferences(header or ""):
        if name.lower() == "wait":
            seconds = _SECONDS.fullmatch(value)
            return _clamped(seconds[1]) if seconds else None
    return None


def _preferences(header: str) -> list[tuple[str, str]]:
    """Split the header into names and values; of a header that does not follow the grammar, nothing counts."""
    found: list[tuple[str, str]] = []
    at = 0
    while at <= len(header):
        empty = _EMPTY.match(header, at)
        match = None if empty else _PREFERENCE.match(header, at)
        end = empty.end() if empty else match.end() if match else at
        if end < len(header) and header[end] != ",":
            return []
        if match:
            found.append((match["name"], match["value"] or ""))
        at = end + 1
    return found


def _clamped(digits: str) -> int:
    longest = len(str(LONGEST_WAIT_SECONDS))
    significant = digits.lstrip("0") or "0"
    return LONGEST_WAIT_SECONDS if len(significant) > longest else min(int(significant), LONGEST_WAIT_SECONDS)
