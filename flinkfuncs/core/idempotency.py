"""Whether a POST repeats an earlier one. A caller says so by its key: Idempotency-Key, or Repeatability-Request-ID.

    the key                         method, path and body   what is done
    ------------------------------  ----------------------  ------------------------------------------------------
    none                            any                     each call is a new one
    new                             any                     what would be refused leaves no trace; otherwise the
                                                            key is recorded, and then the call is carried out
    known                           the same                continued under the recorded time and id: an operation
                                                            that is there, open or closed, is the reply
    known                           others                  422 KeyReused
    two headers, two keys           any                     400 InvalidKey

    {"digest": "5c1d…", "at": "2026-11-28T01:49:16.2Z", "operation": "20261128T014916Z-orders-3f2a9c1b7d4e"}

Bodies are compared as values: white space and the order of fields do not count. The rule that must never break: the key
is on record before anything else of its call is, so no repeat ever chooses another operation.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from .errors import Refused
from .model import Model, canonical
from .releases import Sha256

KEPT = timedelta(days=7)  # at least; closed operations are kept for longer, so a key always leads to its operation
LONGEST = 128  # characters
_KEY = re.compile(f"[!-~]{{1,{LONGEST}}}")


class Key(Model):
    """What is recorded of the first call with a key."""

    digest: Sha256
    at: datetime
    operation: str | None = None  # of an action: the id that its operation has, or will have


@dataclass(frozen=True)
class Keyed:
    """A call with a key; `first` is what its first call recorded, None where this is the first one."""

    name: str  # the key's SHA-256: names its blob, and identifies its operation
    digest: str
    first: Key | None = None

    def repeats(self, first: Key | None) -> Keyed:
        """Return the call with what is known of the first one.

        Raises:
            Refused: that one asked for something else (422).

        """
        if first and first.digest != self.digest:
            raise Refused(
                "the idempotency key came before, with another method, path or body: take a new key",
                code="KeyReused",
                status=422,
            )
        return Keyed(self.name, self.digest, first)


def parse_key(idempotency_key: str | None, repeatability_id: str | None) -> str | None:
    """Return the key that the two headers give; None: there is none.

    Raises:
        Refused: a key is empty, too long or not of visible ASCII characters, or the two differ (400).

    """
    given = {key for key in (idempotency_key, repeatability_id) if key is not None}
    if len(given) > 1:
        raise _invalid("Idempotency-Key and Repeatability-Request-ID differ")
    if not all(_KEY.fullmatch(key) for key in given):
        raise _invalid(f"an idempotency key has 1 to {LONGEST} visible ASCII characters")
    return next(iter(given), None)


def keyed(key: str, method: str, path: str, body: bytes) -> Keyed:
    """Return a call by its key and a digest of what it asks for; `body` is JSON that was parsed before."""
    asked = f"{method} {path}\n{canonical(body)}"
    return Keyed(hashlib.sha256(key.encode()).hexdigest(), hashlib.sha256(asked.encode()).hexdigest())


def _invalid(message: str) -> Refused:
    return Refused(message, code="InvalidKey", status=400)
