"""What an operation came to, as Markdown: from `flinkfuncs deploy --json` on stdin.

Messages are users' words and Flink's; they are shown as code, in which nothing is markup.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def outcome(shown: dict[str, Any]) -> str:
    """Write a line for each thing that is known."""
    result = shown.get("result") or {}
    error = shown.get("error") or {}
    known = {
        "operation": shown.get("id"),
        "outcome": result.get("outcome"),
        "code": result.get("code") or error.get("code"),
        "message": result.get("message") or error.get("message"),
    }
    return "\n".join(f"    {name}: {' '.join(str(text).split())}" for name, text in known.items() if text)


def main() -> None:
    """Read JSON, write Markdown; nothing of a command that wrote nothing."""
    text = sys.stdin.read()
    lines = outcome(json.loads(text)) if text.strip() else ""
    sys.stdout.write(f"\n{lines}\n" if lines else "")


if __name__ == "__main__":
    main()
