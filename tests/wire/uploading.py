"""The command line at home, a real storage, and an app of recorded replies that sees what is uploaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.command_line import CommandLine, Ran
from tests.listener import Call, Reply
from tests.plans import PLAN

from .recorded import ID, SEEN, ended
from .storage import Storage

BYTES = b"PK these are the bytes"


@dataclass
class Uploading:
    """An app that ends an operation for the newest jar that lies there, and answers every plan alike."""

    storage: Storage
    connection: str
    home: Path
    plan: Any = field(default_factory=lambda: PLAN)
    outcome: str | None = "SUCCEEDED"  # None: the operation stays open
    sees: bool = True  # the uploads
    is_dead: bool = False
    content: bytes = BYTES  # of the jar at home
    calls: list[Call] = field(default_factory=list)
    url: str = ""

    def answer(self, call: Call) -> Reply:
        """Answer a call."""
        if self.is_dead:
            raise ConnectionAbortedError  # the connection ends without an answer
        self.calls.append(call)
        if call.method == "POST":
            return self.plan if isinstance(self.plan, Reply) else Reply(body=self.plan)
        if call.bare == f"/api/operations/{ID}":
            return Reply(body=self._operation)
        if not self.sees or not (names := [name for name in self.names("state") if name.endswith(".jar")]):
            return Reply(404, {"code": "JobNotFound"})
        jar = self.storage.uploads.get_blob_client(names[-1]).get_blob_properties()
        text = self.read(f"{jar.name.rpartition('/')[0]}/job.json")
        if "state=open" in call.path and self.outcome:
            return Reply(body={"operations": []})
        request = {"action": "UPDATE", "jobJsonSha256": text and hashlib.sha256(text).hexdigest()}
        cause = {"kind": "upload", "detail": f"{jar.name} {jar.etag}"}
        return Reply(body={"operations": [self._operation | {"cause": cause, "request": request}]})

    @property
    def _operation(self) -> dict[str, Any]:
        return ended(self.outcome) if self.outcome else SEEN

    @property
    def planned(self) -> list[Any]:
        """The bodies of the plans that were asked for."""
        return [call.sent for call in self.calls if call.method == "POST"]

    def names(self, prefix: str) -> list[str]:
        """What lies in the container."""
        return list(self.storage.uploads.list_blob_names(name_starts_with=prefix))

    def read(self, name: str) -> bytes | None:
        """Return what a blob holds, or None."""
        blob = self.storage.uploads.get_blob_client(name)
        return blob.download_blob().readall() if blob.exists() else None

    def metadata(self, name: str) -> dict[str, str]:
        """Return what is said of a blob."""
        return dict(self.storage.uploads.get_blob_client(name).get_blob_properties().metadata)

    def environment(self, **more: str) -> dict[str, str]:
        """Return where the jars container is."""
        return {
            "FLINKFUNCS_STORAGE_CONNECTION": self.connection,
            "FLINKFUNCS_CONTAINER": str(self.storage.uploads.container_name),
            **more,
        }

    @property
    def jar(self) -> str:
        """A jar at home."""
        path = self.home / "orders-3.jar"
        path.write_bytes(self.content)
        return str(path)

    @property
    def line(self) -> CommandLine:
        """The command line of this app."""
        return CommandLine(self.url, self.home)

    def deploy(self, *words: str) -> tuple[str, ...]:
        """Return the words that deploy that jar."""
        return ("deploy", self.jar, "--job", "orders", *words)

    def run(self, command: str, *words: str, **environment: str) -> Ran:
        """Run plan or deploy of that jar."""
        words = (command, self.jar, "--job", "orders", *words)
        return self.line.run(*words, environment=self.environment(**environment))
