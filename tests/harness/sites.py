"""What is an outside call called? By method, service and path, so that ids, jobs and lanes do not matter.

    POST flink /jobs/:id/stop        GET flink /jobs/:id/savepoints/:trigger
    PUT ledger jobs/:job             PUT ledger closed/:operation        LIST ledger jobs
    PUT ledger uploads/:upload       HEAD jars :upload.jar               PUT releases :release
    POST queue

Reads (GET, HEAD, LIST) change nothing; everything else is a write. A renewal of a lease, which comes when time has
passed, counts as a read: it changes nothing else, and would shift the numbers of the writes behind it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote, urlsplit

READS = ("GET", "HEAD", "LIST")
RENEWAL = " (renewal)"

_FLINK = (
    (r"(?<=/jars/)(?!upload)[^/]+", ":jar"),
    (r"(?<=/jobs/)[0-9a-f]{32}", ":id"),
    (r"(?<=/savepoints/)[0-9a-f]{32}", ":trigger"),
    (r"(?<=/checkpoints/)[0-9a-f]{32}", ":trigger"),
    (r"(?<=/savepoint-disposal/)[0-9a-f]{32}", ":trigger"),
    (r"(?<=/taskmanagers/)[^/]+", ":id"),
    (r"(?<=/)\d+(?=/|$)", ":number"),
    (r"(?<=/)[0-9a-f]{32}(?=/|$)", ":id"),
)
_BLOBS = (
    (r"^[^/]+/jobs/[^/]+\.json$", "jobs/:job"),
    (r"^[^/]+/closed/.*\.json$", "closed/:operation"),
    (r"^[^/]+/uploads/.*\.json$", "uploads/:upload"),
    (r"^(stateful|stateless)/[^/]+/job\.json$", ":job.json"),
    (r"^(stateful|stateless)/.*\.jar$", ":upload.jar"),
    (r"^[^/]+/[0-9a-f]{64}\.jar$", ":release"),
    (r"^[^/]+/[0-9a-f]{64}\.[0-9a-f]{64}\.json$", ":description"),
    (r"^[^/]+\.jar$", ":jar"),
)


def is_read(site: str) -> bool:
    """Whether a call changes nothing, but a lease."""
    return site.partition(" ")[0] in READS or site.endswith(RENEWAL)


def service_of(site: str) -> str:
    """Name the side that a call goes to: `flink`, `ledger` and so on."""
    return site.split(" ")[1]


class Namer:
    """Names the calls of an app with these settings."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Learn where Flink and storage answer, and what the app's containers are called."""
        storage = dict(part.split("=", 1) for part in settings["JARS"].split(";") if part)
        self._flink = settings["FLINK_REST_URL"].rstrip("/")
        self._blobs = storage["BlobEndpoint"].rstrip("/")
        self._queues = storage["QueueEndpoint"].rstrip("/")
        words = {"JARS_CONTAINER": "jars", "RELEASES_CONTAINER": "releases", "LEDGER_CONTAINER": "ledger"}
        self._containers = {settings.get(name, word): word for name, word in words.items()}

    def site(self, method: str, url: str) -> str:
        """Name one call."""
        parts = urlsplit(url)
        plain = f"{parts.scheme}://{parts.netloc}{unquote(parts.path)}"
        if plain.startswith(self._flink):
            return f"{method} flink {_replaced(plain.removeprefix(self._flink), _FLINK)}"
        if plain.startswith(self._blobs):
            return self._blob_site(method, plain.removeprefix(self._blobs).strip("/"), parse_qs(parts.query))
        if plain.startswith(self._queues):
            return f"{method} queue"
        return f"{method} {parts.netloc} {parts.path}"

    def _blob_site(self, method: str, path: str, query: Mapping[str, list[str]]) -> str:
        container, _, blob = path.partition("/")
        word = self._containers.get(container, container)
        part = query.get("comp", [""])[0]
        if part == "list":
            prefix = query.get("prefix", [""])[0].split("/")
            return f"LIST {word} {prefix[1] if word == 'ledger' and len(prefix) > 1 else ':prefix'}"
        return f"{method} {word} {_blob(blob)} {part}".rstrip()


def _replaced(text: str, patterns: tuple[tuple[str, str], ...]) -> str:
    for pattern, word in patterns:
        text = re.sub(pattern, word, text)
    return text


def _blob(path: str) -> str:
    return next((word for pattern, word in _BLOBS if re.match(pattern, path)), path)
