"""How a release is told to Flink: the name of its jar there, and what its main() is called with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..clients.flink import Flink, RunRequest
from ..core.jobs import JobRecord
from ..core.operations import Operation
from ..core.releases import Release
from ..redaction import keep_secrets_of_job

# Said with every start, so that what a later action relies on does not depend on the cluster's defaults.
RETENTION, RETAINED = "execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION"
ALWAYS = {RETENTION: RETAINED}
# Flink restores NO_CLAIM only without the changelog state backend: with it, the first checkpoint fails for ever
# (FLINK-38307). Savepoints and checkpoints that were written with it restore without it, in every format, on 1.17 to
# 2.3. The second key is its name before 1.20.
CHANGELOG = ("state.changelog.enabled", "state.backend.changelog.enabled")
NO_CHANGELOG = dict.fromkeys(CHANGELOG, "false")
NOTHING: Mapping[str, str] = MappingProxyType({})


def keep_secrets(record: JobRecord, operation: Operation) -> None:
    """Remember the secrets in a job's arguments and configuration: Flink may say them again in any failure."""
    keep_secrets_of(record, operation.release)


def keep_secrets_of(record: JobRecord, *others: Release | None) -> None:
    """Remember the secrets of what a job runs, ran before and is to run, and of other releases of it."""
    copies = [copy.release for copy in (record.current, record.previous) if copy]
    for release in (record.wanted, *copies, *others):
        if release:
            keep_secrets_of_job(release.spec.argument_list, release.spec.flink_configuration)


def jar_name(release: Release) -> str:
    """Name a jar on the cluster by its hash, so that it is found again, whoever uploaded it."""
    return f"{release.sha256}.jar"


def run_request(
    flink: Flink,
    record: JobRecord,
    release: Release,
    *,
    flink_job_id: str,
    savepoint: str | None = None,
    configuration: Mapping[str, str] = NOTHING,
) -> RunRequest | None:
    """Return what is sent to run or plan a release, or None while its jar is not on the cluster."""
    jar_id = flink.jar_id(jar_name(release))
    if jar_id is None:
        return None
    spec = release.spec
    return RunRequest(
        jar_id=jar_id,
        flink_job_id=flink_job_id,
        entry_class=spec.entry_class,
        arguments=spec.argument_list,
        parallelism=spec.parallelism,
        # Ours come last: by its name a job is found again that no record knows.
        configuration={
            **spec.flink_configuration,
            **ALWAYS,
            **(NO_CHANGELOG if savepoint else NOTHING),
            "pipeline.name": record.name,
            **configuration,
        },
        savepoint=savepoint,
        allow_non_restored_state=spec.allow_non_restored_state,
    )
