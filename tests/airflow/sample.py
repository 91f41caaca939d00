"""Microsoft's published sample, byte for byte as it is in its repository; it is not a part of this one.

    Azure-Samples/hdinsight-aks, commit 81f7143, flink/airflow-python-sample-code (MIT License)

`make test-airflow` fetches it; where that fails, the tests of the sample are skipped and say so.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from localcloud.python import ROOT

FILE = ROOT / ".tools" / "sample-wordcount.py"
SHA256 = "2522d9a2577f85af1a44304589e26d8d66cbec96512f7fbd853e8d6800166c53"
DAG = "FlinkWordCountExample"


def sample() -> Path | None:
    """Return the file, if it is there and is what was published."""
    if not FILE.is_file() or hashlib.sha256(FILE.read_bytes()).hexdigest() != SHA256:
        return None
    return FILE
