"""The releases of a job: which ones are known, which one a caller means, and which bytes nobody needs any more.

Retention runs once an hour, for both kinds of cluster, without a claim: the jars are listed first, the record is read
next, and each jar is deleted by the ETag that was listed. An operation that takes one into use meanwhile is open in
that record, or has given the jar another ETag (`clients/kept_releases.py`).
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from .clients.jars import Jars
from .clients.kept_releases import KeptBlob
from .clients.ledger import Ledger
from .core import going_back
from .core.errors import FlinkFuncsError, NotFound
from .core.going_back import KnownRelease
from .core.jobs import JobRecord
from .core.names import JobName
from .core.release_retention import HeldJar, ReleasePolicy, deletable, surplus

log = logging.getLogger(__name__)

PASS_SECONDS = 120.0  # a pass begins no further job after this; the next one goes on


class Releases:
    """What is kept of the jobs of one cluster."""

    def __init__(self, ledger: Ledger, jars: Jars, policy: ReleasePolicy) -> None:
        """Keep what is needed; nothing is read yet."""
        self._ledger = ledger
        self._jars = jars
        self._policy = policy

    def known(self, record: JobRecord) -> tuple[list[KnownRelease], frozenset[str]]:
        """Return the known releases of a job, newest first, and the hashes of the jars whose bytes are kept.

        Raises:
            Unavailable: storage cannot be reached.

        """
        blobs = self._jars.releases.listed(record.name)
        descriptions = sorted((blob for blob in blobs if blob.release), key=lambda blob: blob.held_at, reverse=True)
        described = self._jars.releases.described(record.name, descriptions[: going_back.MOST])
        operations = self._ledger.page(record.name, top=going_back.MOST).operations
        return going_back.known_releases(record, described, operations), _jars_of(blobs)

    def prune(self, now: datetime) -> None:
        """Delete the kept jars that nothing retains; one job that fails holds up no other.

        Raises:
            Unavailable: storage cannot be reached; the next tick comes.

        """
        until = time.monotonic() + PASS_SECONDS
        jobs = defaultdict[str, list[KeptBlob]](list)
        for blob in self._jars.releases.listed():
            jobs[blob.job].append(blob)
        for job, blobs in jobs.items():
            jars = [HeldJar(blob.sha256, blob.held_at) for blob in blobs if blob.release is None]
            going = surplus(jars, self._policy, now)
            if going and time.monotonic() < until:
                self._prune(JobName(job), blobs, going)

    def _prune(self, job: JobName, blobs: list[KeptBlob], going: Iterable[HeldJar]) -> None:
        try:
            for jar in deletable(going, self._ledger.read(job)):
                self._delete(job, [blob for blob in blobs if blob.sha256 == jar.sha256])
        except FlinkFuncsError as error:
            log.warning("job=%s releases outcome=failed %s", job, error)

    def _delete(self, job: JobName, blobs: list[KeptBlob]) -> None:
        """Delete the bytes of a jar, and then what describes them."""
        for blob in sorted(blobs, key=lambda blob: blob.release is not None):
            if not self._jars.releases.delete(blob) and blob.release is None:
                return
        log.info("job=%s jar=%s outcome=deleted", job, blobs[0].sha256)


def find_release(ledger: Ledger, jars: Jars, record: JobRecord, beginning: str) -> KnownRelease:
    """Return the release whose id begins so, and since when it is kept; not what came of it.

    Raises:
        NotFound: there is none, or there are several.
        Refused: its bytes are not kept any more.
        Unavailable: storage cannot be reached.

    """
    blobs = jars.releases.listed(record.name)
    known = _described(jars, record, blobs, beginning) or _brought(ledger, record, beginning)
    if known is None:
        raise NotFound(f"no release of job {record.name} begins with {beginning}", code="ReleaseNotFound")
    if known.release.sha256 not in _jars_of(blobs):
        raise going_back.gone(known.release)
    return known


def _described(jars: Jars, record: JobRecord, blobs: list[KeptBlob], beginning: str) -> KnownRelease | None:
    """Find a release by its description; only that one is read."""
    recorded = {release.id: release for release in going_back.recorded(record)}
    descriptions = {blob.release: blob for blob in blobs if blob.release}
    found = going_back.named(beginning, {*recorded, *descriptions})
    if found not in descriptions:
        return None
    read = jars.releases.described(record.name, [descriptions[found]])
    known = (KnownRelease(recorded.get(found, kept.release), kept.kept_at, kept.operation) for kept in read)
    return next(known, None)


def _brought(ledger: Ledger, record: JobRecord, beginning: str) -> KnownRelease | None:
    """Find a release that nothing describes, as of an earlier version, by the operations that brought it."""
    operations = ledger.page(record.name, top=going_back.MOST).operations
    known = {each.release.id: each for each in going_back.known_releases(record, (), operations)}
    found = going_back.named(beginning, known)
    return known[found] if found else None


def _jars_of(blobs: Iterable[KeptBlob]) -> frozenset[str]:
    return frozenset(blob.sha256 for blob in blobs if blob.release is None)
