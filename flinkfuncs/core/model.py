"""How a record is written down: immutable, camelCase in JSON, and no field that the schema does not know."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from .errors import Refused, Unavailable


class Model(BaseModel):
    """Base of everything that is stored or sent: a frozen value with the API's camelCase names in JSON."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        defer_build=True,  # at the first use, and not while the host waits for the functions
        hide_input_in_errors=True,  # a record may hold a user's passwords, and an error ends up in a log
    )

    def to_json(self) -> str:
        """Return the record as one line of JSON without the fields that are not set."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


ModelT = TypeVar("ModelT", bound=BaseModel)
EDGE: Mapping[str, bool] = MappingProxyType({"edge": True})  # the validation context of what came from outside


def parse_json(model: type[ModelT], text: str | bytes, *, what: str) -> ModelT:
    """Read what came from outside, once, at the edge.

    Raises:
        Refused: it is not JSON in UTF-8, or a field is unknown, missing or wrong; the message names each (400), never
            its value.

    """
    try:
        return model.model_validate_json(_text(text, what), context=EDGE)
    except ValidationError as error:
        raise Refused(f"{what} is not valid: {_faults(error)}", code="InvalidBody", status=400) from None


def canonical(text: bytes, *, without: frozenset[str] = frozenset()) -> str:
    """Write JSON that was parsed before so that equal values are equal texts; a number stays as it was written.

    `without` names fields of the outermost object that do not count.
    """
    value = json.loads(text, parse_int=_number, parse_float=_number)  # Python reads no number of 5,000 digits
    if isinstance(value, dict):
        value = {name: inner for name, inner in value.items() if name not in without}
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _number(digits: str) -> dict[str, str]:
    return {"number": digits}


def _text(text: str | bytes, what: str) -> str:
    """Return what tools wrote: a byte order mark of UTF-8 is passed over, and another encoding is named."""
    if isinstance(text, bytes):
        if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in text[:4]:
            raise Refused(f"{what} is UTF-16 (or UTF-32); write it in UTF-8", code="InvalidBody", status=400)
        try:
            text = text.decode()
        except UnicodeDecodeError as error:
            fault = f"byte {error.object[error.start]:#04x} at position {error.start}"
            raise Refused(f"{what} is not UTF-8: {fault}", code="InvalidBody", status=400) from None
    return text.removeprefix("\ufeff")


def read_stored(model: type[ModelT], text: str | bytes, *, what: str) -> ModelT:
    """Read what this app has written down, in this version or in another one.

    What a newer version wrote is refused as a whole: an older one that passed over a field would drop it at its next
    write.

    Raises:
        Unavailable: this version cannot read it, and leaves it as it is; the message names fields, never values.

    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        newer = any(e["type"] == "extra_forbidden" or e["loc"] == ("schemaVersion",) for e in error.errors())
        who = "was written by a newer version of this app" if newer else "cannot be read"
        code = "NewerRecord" if newer else "UnreadableRecord"
        raise Unavailable(f"{what} {who}, and is left as it is: {_faults(error)}", code=code) from None


def _faults(error: ValidationError) -> str:
    """Name each field and what is wrong with it; pydantic speaks of "extra inputs" where a field is unknown."""
    wrong = [
        (".".join(map(str, e["loc"])) or "body", "unknown field" if e["type"] == "extra_forbidden" else e["msg"])
        for e in error.errors()
    ]
    return "; ".join(f"{field}: {fault}" for field, fault in wrong)[:1024]
