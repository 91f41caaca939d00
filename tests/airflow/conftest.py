"""One cloud and one Airflow for all tests of this folder; AIRFLOW, which `make` sets, says which version.

Without AIRFLOW nothing here is collected: `make test` and `make test-all` know no Airflow.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.build import WrongCompilerError

from .airflow import Airflow
from .cloud import Surroundings, surroundings, word_count
from .sample import sample

VERSION = os.environ.get("AIRFLOW", "")
EXAMPLES = Path(__file__).parents[2] / "examples" / "airflow"
DAGS = Path(__file__).parent / "dags"

collect_ignore_glob = [] if VERSION else ["test_*.py"]


@pytest.fixture(scope="package")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    """The app, Flink, storage, Entra ID and the vault."""
    with surroundings(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="package")
def airflow(around: Surroundings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """An Airflow with the example DAGs, those of the tests, and the published sample where it is there."""
    home = tmp_path_factory.mktemp(f"airflow-{VERSION}")
    made = Airflow(VERSION, home, {**around.environment, "OLD_IMPORTS": "1"})
    published = [file] if (file := sample()) else []
    for source in [*EXAMPLES.glob("*.py"), *DAGS.glob("*.py"), *published]:
        shutil.copy(source, made.dags)
    with made as running:
        yield running


@pytest.fixture(scope="package")
def word_count_jar(around: Surroundings, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The word count where ARM calls name it."""
    try:
        around.put_jar("WordCount.jar", word_count(tmp_path_factory.mktemp("wordcount")))
    except WrongCompilerError as error:
        pytest.skip(str(error))
    return "WordCount.jar"
