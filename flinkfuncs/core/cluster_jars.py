"""Which of the jars that were uploaded to a session cluster may be deleted there. Ours are named `<sha256>.jar`.

    the jar                                                                is
    ---------------------------------------------------------------------  ------------------------------
    has another name                                                       kept: somebody else's
    was uploaded less than an hour ago                                     kept: its start may be near
    was uploaded again, later                                              deleted: starts take the newest
    of a release that a job wants, runs, would go back to, or is to run    kept: used
    otherwise                                                              deleted

The bytes are kept in storage, so a jar that is needed again is uploaded again. The rule that must never break: no jar
goes away between the look that found it and the start that needs it. So a jar that no record named before is used only
in the first half of its hour; later it is uploaded again, under a new id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .jobs import JobRecord
from .operations import Operation
from .releases import Release

UNUSED_AFTER = timedelta(hours=1)
REUSED_WITHIN = timedelta(minutes=30)
_OURS = re.compile(r"([0-9a-f]{64})\.jar")


@dataclass(frozen=True)
class UploadedJar:
    """A jar on the cluster; each upload has an id of its own."""

    id: str
    name: str
    uploaded_at: datetime

    @property
    def sha256(self) -> str | None:
        """The hash of a jar of ours."""
        match = _OURS.fullmatch(self.name)
        return match[1] if match else None


def used_by(record: JobRecord) -> set[str]:
    """Return the hashes of the jars that a job wants or runs, or that its open operations bring."""
    releases = [record.wanted, *(copy.release for copy in (record.current, record.previous) if copy)]
    releases += [operation.release for operation in record.open]
    return {release.sha256 for release in releases if release}


def old_enough(jars: Iterable[UploadedJar], now: datetime) -> list[UploadedJar]:
    """Return the jars of ours that could be unused: before any record is read."""
    return [jar for jar in jars if jar.sha256 and now - jar.uploaded_at > UNUSED_AFTER]


def unused(jars: Iterable[UploadedJar], used: set[str], now: datetime) -> list[UploadedJar]:
    """Return the jars that may be deleted, as the module's table says."""
    newest: dict[str, UploadedJar] = {}
    for jar in jars:
        newest[jar.name] = max(newest.get(jar.name, jar), jar, key=lambda one: one.uploaded_at)
    return [jar for jar in old_enough(jars, now) if jar is not newest[jar.name] or jar.sha256 not in used]


def reusable_since(record: JobRecord, operation: Operation, release: Release, now: datetime) -> datetime | None:
    """Return how young a jar on the cluster must be for this operation to start it as it lies there; None: any age."""
    before = record.but(open=())
    uploaded = any(taken.step == "UploadJar" for taken in operation.steps)
    if uploaded or operation.acted or release.sha256 in used_by(before):
        return None
    return now - REUSED_WITHIN
