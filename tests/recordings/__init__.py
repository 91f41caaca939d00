"""What did the real service answer? Its recorded exchanges, as files; client and gateway are held against them.

Each file names its source; `elided` says what the source or our notes leave out, and what stands for it.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel

FOLDER = Path(__file__).parent
NAMES = sorted(file.stem for file in FOLDER.glob("*.json"))


class _Recorded(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Source(_Recorded):
    """Where an exchange was found; `commit` and `date` are empty for a documented example."""

    repository: str
    path: str
    commit: str
    date: str
    api_version: str


class Exchange(_Recorded):
    """One request and its answer; `path` has the query."""

    name: str
    method: str
    path: str
    request: JsonValue = None
    status: int
    headers: dict[str, str]
    body: JsonValue


class Recording(_Recorded):
    """The exchanges of one file, in their order."""

    source: Source
    elided: list[str]
    exchanges: list[Exchange]

    def exchange(self, name: str) -> Exchange:
        """Return the exchange of that name."""
        return next(exchange for exchange in self.exchanges if exchange.name == name)


def recording(name: str) -> Recording:
    """Read one file."""
    return Recording.model_validate_json((FOLDER / f"{name}.json").read_text())
