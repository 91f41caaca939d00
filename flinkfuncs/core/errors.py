"""What went wrong, sorted by what the caller can do about it.

FlinkFuncsError
    Refused          asking again will not help (400, 409, 413, 422)
        NotFound     … because there is no such thing (404)
        Denied       … because this caller may not (401, 403)
    Unavailable      the same request may succeed later (503, retry_after)
        Unanswered   … and this request may have been carried out: look before it is sent again

A message names what was asked and what answered, with at most 256 characters of foreign detail, and never a secret.
"""

from __future__ import annotations

from ..redaction import redacted_text

DETAIL_LIMIT = 256


def shortened(detail: str, limit: int = DETAIL_LIMIT) -> str:
    """Star secrets in a foreign text, fold its white space, and cut it to what a message may carry (characters).

    However long the text is, it is cut before a pattern sees it (`redacted_text`), and once more afterwards.
    """
    folded = " ".join(redacted_text(detail).split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"


class FlinkFuncsError(Exception):
    """Any failure that this app understands; everything else is a crash that the host sees and retries."""

    status = 500

    def __init__(self, message: str, *, code: str | None = None, status: int | None = None) -> None:
        """Keep the message, a machine-readable code (CamelCase, as in ARM) and the HTTP status."""
        super().__init__(message)
        self.message = message
        self.code = code or type(self).__name__
        self.status = status or type(self).status


class Refused(FlinkFuncsError):
    """Asking again will not help: the request, or the state it meets, has to change first."""

    status = 409


class NotFound(Refused):
    """There is no such thing."""

    status = 404


class Denied(Refused):
    """This caller may not."""

    status = 403


class Unavailable(FlinkFuncsError):
    """The same request may succeed later; nothing was carried out."""

    status = 503

    def __init__(self, message: str, *, code: str | None = None, retry_after_seconds: float | None = None) -> None:
        """Keep how long the other side asked us to wait (seconds), where it did."""
        super().__init__(message, code=code)
        self.retry_after_seconds = retry_after_seconds


class Unanswered(Unavailable):
    """A request left us and no answer came back: it may have been carried out."""
