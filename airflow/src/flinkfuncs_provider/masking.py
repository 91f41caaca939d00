"""What of a task's own fields is kept out of rendered templates and logs: Airflow stars the values that it is told of.

    --topic orders --db-pass hunter2    hunter2
    --conn=Server=x;Pwd=y               Server=x;Pwd=y
    kafka.password: hunter2             hunter2

Only a value whose name says that it is a secret is known here; the app itself shows none but those that are known to be
harmless. A secret belongs into the job's own configuration, or into a connection or variable, which Airflow stars by
itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from airflow.providers.common.compat.sdk import mask_secret

_SECRET = re.compile(
    r"passw|secret|passphrase|api[._-]?key|token|jaas|account[._-]?key|access[._-]?key|private[._-]?key"
    r"|conn(?:ection)?(?:[._-]?str(?:ing)?)?$|credential|pwd|signature|(?:^|[._-])(?:pass|sas|pin|key)$",
    re.IGNORECASE,
)
_OPTION = re.compile(r"--?([A-Za-z][\w.-]{0,80})(?:=(.*))?", re.DOTALL)


def secrets_in(args: str | Sequence[str] | None, configuration: Mapping[str, object] | None) -> Iterator[str]:
    """Yield the values that are secrets by their names."""
    words = args.split() if isinstance(args, str) else [str(word) for word in args or ()]
    named = False
    for word in words:
        option = _OPTION.fullmatch(word)
        if option:
            is_secret = bool(_SECRET.search(option[1]))
            if is_secret and option[2]:
                yield option[2]
            named = is_secret and option[2] is None
        elif named:
            yield word
            named = False
    for key, value in (configuration or {}).items():
        if _SECRET.search(key) and isinstance(value, str):
            yield value


def mask(args: str | Sequence[str] | None, configuration: Mapping[str, object] | None) -> None:
    """Have Airflow star them from now on."""
    for value in secrets_in(args, configuration):
        mask_secret(value)
