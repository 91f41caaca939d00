"""What may a caller say of why something is done? A reason, and which build and commit it comes from.

    {"reason": "back to the version before the schema change", "commit": "5c1d0e2",
     "buildUrl": "https://dev.azure.com/team/orders/_build/results?buildId=17"}

They change nothing of what is done, and appear in the history. What looks like a secret is starred before it is
recorded.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from ..redaction import redacted_text
from .model import Model

LONGEST_REASON = 500  # characters
LONGEST_URL = 2000  # characters
_BREAKS = ("Cc", "Zl", "Zp")  # Unicode's categories of what is not part of a line
_LINE = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"  # for the API's description
_URL = r"^(https?://\S+)?$"


def _said(value: object) -> object:
    return value or None if isinstance(value, str) else value


def _line(text: str) -> str:
    if any(unicodedata.category(letter) in _BREAKS for letter in text):
        raise ValueError("a reason is one line, without control characters")
    return redacted_text(text)


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:  # brackets that hold no address
        is_one = False
    if not is_one or not text.isprintable() or " " in text:
        raise ValueError("a URL begins with http:// or https:// and a host, and holds no user and no space")
    return redacted_text(text)


# Inside None, so that an empty text is None, and says nothing.
Reason: TypeAlias = Annotated[
    Annotated[str, Field(max_length=LONGEST_REASON, json_schema_extra={"pattern": _LINE}), AfterValidator(_line)]
    | None,
    BeforeValidator(_said),
]
BuildUrl: TypeAlias = Annotated[
    Annotated[str, Field(max_length=LONGEST_URL, json_schema_extra={"pattern": _URL}), AfterValidator(_web_address)]
    | None,
    BeforeValidator(_said),
]
Commit: TypeAlias = Annotated[Annotated[str, Field(pattern="^([0-9A-Fa-f]{7,64})?$")] | None, BeforeValidator(_said)]


class Remarks(Model):
    """What every action takes, and a job.json."""

    reason: Reason = None
    build_url: BuildUrl = None
    commit: Commit = None


REMARKS = frozenset(Remarks.model_fields)
IN_JSON = frozenset(str(field.alias) for field in Remarks.model_fields.values())
