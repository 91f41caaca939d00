"""What is sent to people without their asking, and in which form: words of NOTIFY_ON, messages, and their bodies.

    word of NOTIFY_ON                             type of the message               its id
    --------------------------------------------  --------------------------------  ----------------------------------
    an outcome: failed, rolled_back, unproven,    flinkfuncs.operation.ended        <operation>.ended
    unknown; succeeded, refused, superseded,
    abandoned
    upload_refused                                flinkfuncs.upload.refused         <operation>.ended, or of its blob
    vanished, recovered                           flinkfuncs.job.status_changed     <job>.<status>.<time>
    savepoint_overdue                             flinkfuncs.savepoint.overdue      <job>.savepoint-overdue.<time>
    -                                             flinkfuncs.test                   test.<random>

    form          body
    ------------  --------------------------------------------------------------
    cloudevents   a CloudEvent 1.0 in structured JSON
    eventgrid     the same, for a topic whose input schema is CloudEvents
    slack         {"text": …}
    teams         an Adaptive Card, as the Workflows app takes it

A periodic savepoint ends without a message: it is tried again, and if that does not help the savepoint is overdue.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import Field

from ..redaction import redacted_text
from .model import Model
from .operations import Operation, Outcome

Form = Literal["cloudevents", "slack", "teams", "eventgrid"]
Type: TypeAlias = Literal[
    "flinkfuncs.operation.ended",
    "flinkfuncs.upload.refused",
    "flinkfuncs.job.status_changed",
    "flinkfuncs.savepoint.overdue",
    "flinkfuncs.test",
]
ENDED: Type = "flinkfuncs.operation.ended"
REFUSED: Type = "flinkfuncs.upload.refused"
CHANGED: Type = "flinkfuncs.job.status_changed"
OVERDUE: Type = "flinkfuncs.savepoint.overdue"
TEST: Type = "flinkfuncs.test"

STATES = ("vanished", "recovered")
WORDS = (*(outcome.value.lower() for outcome in Outcome), "upload_refused", *STATES, "savepoint_overdue")
DEFAULT = "failed,rolled_back,unproven,unknown,upload_refused,vanished,recovered,savepoint_overdue"
LONGEST_LINE = 2000  # characters of a text for people; Teams takes 28 kB a card
CONTENT_TYPES: Mapping[Form, str] = {
    "cloudevents": "application/cloudevents+json; charset=utf-8",
    "eventgrid": "application/cloudevents+json; charset=utf-8",
    "slack": "application/json; charset=utf-8",
    "teams": "application/json; charset=utf-8",
}


class Message(Model):
    """One message; an operation that it is about is looked up when it is sent."""

    id: str  # the same for each attempt, so that a receiver can drop what it has
    type: Type
    subject: str  # the job, or the blob of an upload that belongs to none
    time: datetime
    text: str  # for people
    operation: str | None = None
    data: dict[str, str] = Field(default_factory=dict)  # the facts where there is no operation


def wanted_words(text: str) -> frozenset[str]:
    """Read NOTIFY_ON.

    Raises:
        ValueError: a word is none of WORDS.

    """
    words = frozenset(filter(None, (word.strip().lower() for word in text.split(","))))
    if unknown := sorted(words - set(WORDS)):
        raise ValueError(f"does not know {', '.join(unknown)[:100]}: it takes {', '.join(WORDS)}")
    return words


def word_of(operation: Operation) -> str | None:
    """Return the word under which the end of an operation is announced; None: it never is."""
    if operation.result is None or operation.cause.kind == "timer":
        return None
    if operation.cause.kind == "upload" and operation.result.outcome is Outcome.REFUSED:
        return "upload_refused"
    return operation.result.outcome.value.lower()


def ended_message(operation: Operation) -> Message:
    """Return the message that a closed operation is worth.

    Raises:
        AssertionError: it is open.

    """
    result = operation.result
    if result is None:
        raise AssertionError(f"operation {operation.id} is open")
    reason = f" Reason given: {operation.request.reason}" if operation.request.reason else ""
    return Message(
        id=f"{operation.id}.ended",
        type=REFUSED if word_of(operation) == "upload_refused" else ENDED,
        subject=operation.job,
        time=result.ended_at,
        text=_line(f"{operation.job}: {operation.action} ended as {result.outcome}. {result.message}{reason}"),
        operation=operation.id,
    )


def rejected_message(blob: str, *, digest: str, at: datetime, code: str, why: str) -> Message:
    """Return the message about an upload whose name can be no job's."""
    return Message(
        id=f"upload-{digest}.refused",
        type=REFUSED,
        subject=_line(blob)[:256],
        time=at,
        text=_line(f"The upload {blob[:256]} was refused. {why}"),
        data={"blob": _line(blob), "code": code, "message": _line(why)},
    )


def changed_message(job: str, *, status: str, before: str | None, at: datetime) -> Message:
    """Return the message that a job vanished or failed, or runs again."""
    return Message(
        id=f"{job}.{status.lower()}.{_stamp(at)}",
        type=CHANGED,
        subject=job,
        time=at,
        text=_line(f"{job}: its status is {status}{f' again; it was {before}' if before else ''}."),
        data={"job": job, "status": status, **({"before": before} if before else {})},
    )


def overdue_message(job: str, *, saved_at: datetime, at: datetime) -> Message:
    """Return the message that a job's newest savepoint is too old; there is one for each newest savepoint."""
    return Message(
        id=f"{job}.savepoint-overdue.{_stamp(saved_at)}",
        type=OVERDUE,
        subject=job,
        time=at,
        text=_line(f"{job}: its savepoint is overdue. The newest one, or its start, is of {saved_at.isoformat()}."),
        data={"job": job, "since": saved_at.isoformat()},
    )


def probe_message(number: str, at: datetime) -> Message:
    """Return a message that only shows that messages arrive."""
    return Message(id=f"test.{number}", type=TEST, subject="test", time=at, text="flinkfuncs: this is a test message.")


def body_of(message: Message, form: Form, source: str, data: Mapping[str, object]) -> bytes:
    """Write a message as its receiver takes it; `data` is what is known of what happened."""
    match form:
        case "cloudevents" | "eventgrid":
            shown: object = _event(message, source, data)
        case "slack":
            shown = {"text": _for_slack(message.text)}
        case "teams":
            shown = {"type": "message", "attachments": [_card(message)]}
    return json.dumps(shown, ensure_ascii=False).encode()


def redacted(value: object) -> object:
    """Star what may be a secret in every text of a value that leaves for another service."""
    match value:
        case str():
            return redacted_text(value)
        case list():
            return [redacted(inner) for inner in value]
        case Mapping():
            return {name: redacted(inner) for name, inner in value.items()}
        case _:
            return value


def _event(message: Message, source: str, data: Mapping[str, object]) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": message.id,
        "source": source,
        "type": message.type,
        "subject": message.subject,
        "time": message.time.isoformat(),
        "datacontenttype": "application/json",
        "data": {"text": message.text, **data},
    }


def _card(message: Message) -> dict[str, object]:
    facts = [("Job", message.subject), ("Operation", message.operation), ("Time", message.time.isoformat())]
    return {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [
                {"type": "TextBlock", "text": message.text, "wrap": True},
                {"type": "FactSet", "facts": [{"title": title, "value": value} for title, value in facts if value]},
            ],
        },
    }


def _for_slack(text: str) -> str:
    """Escape what Slack gives a meaning: `<!channel>` would wake a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _line(text: str) -> str:
    folded = " ".join(redacted_text(text).split())
    return folded if len(folded) <= LONGEST_LINE else folded[: LONGEST_LINE - 1] + "…"


def _stamp(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%SZ}"
