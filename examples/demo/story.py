"""The steps of the demo: what is done, and what has to be seen before the next one.

The stateful part lasts from the first upload to the STATELESS_UPDATE's own stop: all of its output is committed then,
lies in a directory of its own (the fresh copy is given another one), and is counted number by number.
"""

import json
import time
from collections.abc import Callable

from azure.storage.blob import BlobServiceClient

from examples.build import JARS_DIRECTORY
from examples.count import commits, count
from examples.demo.checks import (
    DemoFailedError,
    Report,
    every_key_written,
    exact,
    gap_around,
    handed_over,
    one_at_a_time,
    require,
)
from examples.demo.cloud import INTERVAL_SECONDS, Addresses, App, Flink, Operation, file_of, wait_for

JOB = "orders"
JAR = "orders.jar"
ENOUGH = 400  # numbers; two seconds' worth
ENDING = ("CANCEL", "DELETE")  # the steps after which there is no job
COPIES = 4  # version 1, version 2, the START's, the fresh one


class Story:
    """One job from its first upload to its deletion."""

    def __init__(self, cloud: Addresses) -> None:
        self._app = App(cloud.app, cloud.key)
        self._flink = Flink(cloud.flink)
        self._jars = BlobServiceClient.from_connection_string(cloud.storage).get_container_client("jars")
        self._output = cloud.sink / "stateful"
        self._fresh_output = cloud.sink / "fresh"
        self._savepoints: list[str] = []
        self._copies: list[str] = []
        self.downtime_seconds = self.gap_seconds = 0.0

    def steps(self) -> tuple[tuple[str, Callable[[], str]], ...]:
        """Name the steps in their order; each does its work and returns what was seen."""
        return (
            ("upload version 1", self.upload_first),
            ("upload version 2", self.upload_second),
            ("periodic savepoint", self.periodic_savepoint),
            ("STOP", self.stop),
            ("START", self.start),
            ("STATELESS_UPDATE", self.stateless_update),
            ("LIST_SAVEPOINT", self.list_savepoints),
            ("CANCEL", self.cancel),
            ("DELETE", self.delete),
        )

    def upload_first(self) -> str:
        """Put job.json and the first jar into the container: a new job starts."""
        description = {"jar": JAR, "args": f"--sink {self._output.as_uri()}", "parallelism": 2}
        self._jars.upload_blob(f"stateful/{JOB}/job.json", json.dumps(description))
        self._upload("1")
        copy = self._next_copy()
        wait_for(lambda: count(self._output, running=True).records >= ENOUGH, "committed output of version 1")
        return f"runs as {copy}; {count(self._output, running=True).records} numbers committed"

    def upload_second(self) -> str:
        """Overwrite the jar: the job goes on from its state with the new code."""
        self._upload("2")
        old, new = self._copies[-1], self._next_copy()
        wait_for(lambda: every_key_written(commits(self._output), "2"), "committed output of version 2")
        before, after = handed_over(count(self._output, running=True), "1", "2")
        self._require_restored(new, f"savepoint-{old[:6]}-")
        self.downtime_seconds = self._downtime_seconds(old, new)
        self.gap_seconds = gap_around(commits(self._output), before, after).seconds
        return (
            f"version 1 ended at {before.last}, version 2 continues at {after.first}; "
            f"down for {self.downtime_seconds:.2f} s, no output for {self.gap_seconds:.2f} s"
        )

    def periodic_savepoint(self) -> str:
        """Let the timer's function run once a savepoint is due; its schedule (every 6 hours) would do no more."""
        known = self._known()
        time.sleep(INTERVAL_SECONDS + 1.0)
        self._app.run_timer("take_savepoints")
        saved = self._app.next_operation(JOB, "SAVEPOINT", kind="timer", known=known)
        require(self._flink.state(self._copies[-1]) == "RUNNING", "the job does not run after its savepoint")
        return f"{file_of(self._savepoint_of(saved)).name}; the job keeps running"

    def stop(self) -> str:
        """Stop with a savepoint: everything is committed then."""
        stopped = self._app.act(JOB, "stop")
        path = self._savepoint_of(stopped)
        require(self._flink.state(self._copies[-1]) == "FINISHED", "the job does not rest after the STOP")
        counted = exact(count(self._output))
        return f"{file_of(path).name}; {counted.records} numbers committed, none lost, none twice"

    def start(self) -> str:
        """Start again, from the state that the STOP saved."""
        rested_at = count(self._output).last or 0
        self._app.act(JOB, "start").succeeded()
        copy = self._next_copy()
        self._require_restored(copy, file_of(self._savepoints[-1]).name)
        wait_for(lambda: (count(self._output, running=True).last or 0) >= rested_at + ENOUGH, "output after the START")
        return f"runs as {copy} from the STOP's savepoint; output continues after {rested_at}"

    def stateless_update(self) -> str:
        """Start afresh, into a directory of its own; then count what the stateful copies wrote."""
        # FileSink keeps its directory in its state, so only a copy that starts without state takes another one.
        body = {"args": f"--sink {self._fresh_output.as_uri()}"}
        self._app.act(JOB, "stateless-update", body).succeeded()
        copy = self._next_copy()
        counted = exact(count(self._output))
        handed_over(counted, "1", "2")
        wait_for(lambda: every_key_written(commits(self._fresh_output), "2"), "output of the fresh copy")
        fresh = exact(count(self._fresh_output, running=True))
        require(fresh.first == 0, f"the fresh copy began at {fresh.first}, not at 0")
        require(self._flink.restored(copy) is None, "the fresh copy restored a state")
        return f"{counted.records} numbers until here, all exact; the fresh copy {copy} counts from 0"

    def list_savepoints(self) -> str:
        """List what there is to go back to."""
        listed = {file_of(listed.path) for listed in self._app.act(JOB, "list-savepoint").succeeded().savepoints}
        missing = [path for path in self._savepoints if file_of(path) not in listed]
        require(not missing, f"the list lacks {', '.join(missing)}")
        return f"{len(listed)} savepoints, the timer's and the STOP's among them"

    def cancel(self) -> str:
        """End the job without a savepoint."""
        self._app.act(JOB, "cancel").succeeded()
        require(self._flink.state(self._copies[-1]) == "CANCELED", "the job was not cancelled")
        return "the job is CANCELED"

    def delete(self) -> str:
        """Free the name, and look back at all copies."""
        self._app.act(JOB, "delete").succeeded()
        require(JOB not in self._app.jobs(), "the job is still listed")
        one_at_a_time(self._flink.copies(JOB), expected=COPIES)
        return f"the name is free; {COPIES} copies ran, never two at once"

    def report(self, *, cluster: str, flink: str, seconds: float) -> Report:
        """Count the stateful part once more and sum up."""
        counted = exact(count(self._output))
        return Report(
            cluster=cluster,
            flink=flink,
            records_before=counted.by_version["1"],
            records_after=counted.by_version["2"],
            lost=counted.lost,
            duplicated=counted.duplicated,
            downtime_seconds=round(self.downtime_seconds, 3),
            gap_seconds=round(self.gap_seconds, 3),
            copies=COPIES,
            demo_seconds=round(seconds, 1),
        )

    def _require_restored(self, copy: str, name: str) -> None:
        """Go on only if a copy started from the savepoint whose name begins like this."""
        restored = wait_for(lambda: self._flink.restored(copy), "word from Flink of what the new copy restored")
        require(file_of(restored).name.startswith(name), f"it was started from {restored}, not from {name}")

    def _downtime_seconds(self, old: str, new: str) -> float:
        """Return the time from the old copy's stop to the new copy's last task, by Flink's clock."""
        stopped = wait_for(lambda: self._flink.stop_triggered(old), "word from Flink of the stop's savepoint")
        ran = wait_for(lambda: self._flink.last_task_ran(new), "word from Flink that all tasks run")
        return (ran - stopped) / 1000

    def _upload(self, version: str) -> None:
        known = self._known()
        jar = JARS_DIRECTORY / f"sequence-{version}.jar"
        self._jars.upload_blob(f"stateful/{JOB}/{JAR}", jar.read_bytes(), overwrite=True)
        self._app.next_operation(JOB, "UPDATE", kind="upload", known=known).succeeded()

    def _known(self) -> set[str]:
        return {operation.id for operation in self._app.operations(JOB)}

    def _next_copy(self) -> str:
        """Return the Flink job id of the copy that runs now, which is a new one."""
        copy = self._app.jobs()[JOB].flink_job_id
        if copy is None or copy in self._copies:
            raise DemoFailedError(f"the app names no new copy of the job, but {copy}")
        require(self._flink.state(copy) == "RUNNING", f"the new copy {copy} does not run")
        self._copies.append(copy)
        return copy

    def _savepoint_of(self, operation: Operation) -> str:
        """Return the path of the savepoint that an operation took, if it lies there complete."""
        path = operation.succeeded().savepoint or ""
        require(path and (file_of(path) / "_metadata").is_file(), f"there is no savepoint {path or 'of it'}")
        self._savepoints.append(path)
        return path


def tell(steps: tuple[tuple[str, Callable[[], str]], ...]) -> None:
    """Do the steps; each is a line with its seconds and what was seen.

    Raises:
        DemoFailedError: a step did not do what it should; the message names it.
    """
    for name, step in steps:
        began = time.monotonic()
        try:
            seen = step()
        except DemoFailedError as error:
            raise DemoFailedError(f"{name}: {error}") from error
        say(name, began, seen)


def say(name: str, began: float, seen: str) -> None:
    """Print one step."""
    print(f"{name:<20}{time.monotonic() - began:6.1f} s  {seen}", flush=True)
