"""How do log lines reach the endpoint? As they are, without what may be a secret, with the words that they carry.

    job=orders operation=20261121T014916Z-orders-3f2a9c1b7d4e step=Stop outcome=done seconds=0.041

becomes that text with the attributes job, operation, step and outcome. A line that names no operation, written while
one is driven, is about that one. Of the Azure SDKs only warnings are told.
"""

from __future__ import annotations

import logging
import re
import traceback

from opentelemetry import context as contexts
from opentelemetry._logs import LoggerProvider, LogRecord, SeverityNumber

from ..redaction import redacted_text
from .spans import driven

TOLD = {"flinkfuncs": logging.NOTSET, "azure": logging.WARNING}  # loggers, and from which level on
_WORDS = re.compile(r"(?:^|\s)(job|operation|step|outcome|code)=([\w.-]+)")
_SEVERITIES = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}


class Telling(logging.Handler):
    """Passes log lines on; what goes wrong with one is nobody's business."""

    def __init__(self, provider: LoggerProvider, level: int) -> None:
        """Keep where they go."""
        super().__init__(level)
        self._provider = provider

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one line on, unless the exporter itself has written it."""
        if contexts.get_value("suppress_instrumentation") or record.name.startswith("azure.monitor"):
            return
        try:
            self._provider.get_logger(record.name).emit(_told(record))
        except Exception:  # noqa: BLE001 - a line that cannot be told is still in the host's log
            self.handleError(record)


def install(provider: LoggerProvider) -> list[tuple[str, logging.Handler]]:
    """Tell what the app's loggers write from now on; return what `remove` takes off again."""
    handlers: list[tuple[str, logging.Handler]] = [(name, Telling(provider, level)) for name, level in TOLD.items()]
    for name, handler in handlers:
        logging.getLogger(name).addHandler(handler)
    return handlers


def remove(handlers: list[tuple[str, logging.Handler]]) -> None:
    """Tell nothing any more."""
    for name, handler in handlers:
        logging.getLogger(name).removeHandler(handler)


def _told(record: logging.LogRecord) -> LogRecord:
    text = redacted_text(record.getMessage())
    operation = driven.get()
    attributes = {"job": str(operation.job), "operation": operation.id} if operation else {}
    attributes |= dict(_WORDS.findall(text))
    if record.exc_info and record.exc_info[0]:
        attributes["exception.type"] = record.exc_info[0].__name__
        # Piece by piece: where a message is long and is cut, the frames and causes after it are still there.
        pieces = traceback.format_exception(*record.exc_info)
        attributes["exception.stacktrace"] = "".join(redacted_text(piece) for piece in pieces)
    return LogRecord(
        timestamp=int(record.created * 1e9),
        context=contexts.get_current(),
        severity_text=record.levelname,
        severity_number=_SEVERITIES.get(record.levelno, SeverityNumber.INFO),
        body=text,
        attributes=attributes,
    )
