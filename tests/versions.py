"""The versions of Flink that tests run on: the newest in every run, the older ones at night."""

import pytest

_OLDER = pytest.mark.nightly("an older Flink")
VERSIONS = ["2.3.0", pytest.param("1.20.5", marks=_OLDER), pytest.param("1.17.2", marks=_OLDER)]
