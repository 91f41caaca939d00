"""The mutations: small wrong edits that somebody could make, and the test that has to fail for each.

`of` is an area of the app, or the rule of docs/design.md ("The rules") that the edit breaks, as it is headed there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutation:
    """One edit: `before`, which the file has exactly once, becomes `after`; one of the tests has to fail."""

    of: str
    breaks: str  # what a user would meet
    path: str
    before: str
    after: str
    tests: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether the file still has what is replaced, exactly once."""
        return (ROOT / self.path).read_text().count(self.before) == 1

    def made(self, text: str) -> str:
        """Return the file's text with the edit."""
        return text.replace(self.before, self.after)


SESSION = "flinkfuncs/core/session"
UNIT = "tests/unit"
WIRE = "tests/wire"
INFRA = "tests/infra"

LAST_STATE = (
    Mutation(
        of="last state",
        breaks="a job that ran on after its newest savepoint, and failed, starts from that savepoint",
        path=f"{SESSION}/savepoints.py",
        before='if last and last.ended == "STOPPED" and last.flink_job_id',
        after="if last and last.flink_job_id",
        tests=(
            f"{UNIT}/session/test_savepoints.py::test_only_a_savepoint_after_which_nothing_ran_is_the_newest_state",
        ),
    ),
    Mutation(
        of="last state",
        breaks="a job is cancelled for a checkpoint that Flink deletes with it",
        path="flinkfuncs/clients/flink.py",
        before="lasts = (is_savepoint or config.retained) and not deleted",
        after="lasts = not deleted",
        tests=(f"{WIRE}/test_flink_client.py::test_the_newest_state_is_told_with_whether_it_survives",),
    ),
    Mutation(
        of="last state",
        breaks="a job that has just failed starts from a checkpoint that a cached answer called the newest",
        path=f"{SESSION}/ends.py",
        before="age_seconds(operation.ended_at, seen) < seen.cache_seconds",
        after="age_seconds(operation.requested_at, seen) < seen.cache_seconds",
        tests=(
            f"{UNIT}/session/test_last_state.py::"
            "test_what_flink_tells_is_believed_only_when_it_is_younger_than_the_end",
        ),
    ),
)

GATE = (
    Mutation(
        of="gate",
        breaks="the check of another release counts for the one that is about to replace a job",
        path=f"{SESSION}/gate.py",
        before="if checked and checked.release == release.id:",
        after="if checked:",
        tests=(f"{UNIT}/session/test_gate.py::test_a_release_is_checked_once_and_refused_with_the_job_untouched",),
    ),
    Mutation(
        of="gate",
        breaks="a System.exit in the main() of a new jar ends the JobManager with all its jobs",
        path=f"{SESSION}/verdicts.py",
        before='.upper() == "THROW"',
        after='.upper() != "DISABLED"',
        tests=(
            f"{WIRE}/test_release_check.py::test_no_main_runs_where_it_could_end_the_jobmanager_unless_that_is_allowed",
        ),
    ),
    Mutation(
        of="gate",
        breaks="a good release is refused for state that it may well keep",
        path=f"{SESSION}/gate.py",
        before="elif vertex.in_flight or any(",
        after="elif vertex.in_flight and any(",
        tests=(f"{UNIT}/session/test_gate.py::test_state_is_lost_only_where_every_operator_that_can_hold_it_is_gone",),
    ),
)

UNDO = (
    Mutation(
        of="undo",
        breaks="the old release is started while the bad copy is still being cancelled",
        path=f"{SESSION}/rollback.py",
        before="    if copy.state in TERMINAL:",
        after="    if copy.state in (*TERMINAL, CopyState.CANCELLING):",
        tests=(f"{UNIT}/session/test_proof.py::test_a_bad_copy_is_made_terminal_before_the_old_release_is_started",),
    ),
    Mutation(
        of="undo",
        breaks="a release that asks for onFailure: stop is rolled back, and its output is written twice",
        path=f"{SESSION}/rollback.py",
        before='if current_copy(record).spec.on_failure == "stop":',
        after='if old.spec.on_failure == "stop":',
        tests=(f"{UNIT}/session/test_proof.py::test_a_bad_copy_is_made_terminal_before_the_old_release_is_started",),
    ),
    Mutation(
        of="undo",
        breaks="an update from a named savepoint that fails leads back to that savepoint, not to where the job was",
        path=f"{SESSION}/aftermath.py",
        before="    if operation.savepoint:\n        return operation.savepoint\n",
        after="",
        tests=(
            f"{UNIT}/session/test_proof.py::"
            "test_an_update_from_a_named_savepoint_that_fails_leads_back_to_the_savepoint_of_its_stop",
        ),
    ),
)

SILENCE = (
    Mutation(
        of="silence",
        breaks="an operation that has waited for hours is given up at the first look that goes wrong",
        path="flinkfuncs/operations.py",
        before="age = self._seconds_since(operation.unreachable_at)",
        after="age = self._seconds_since(operation.driven_at)",
        tests=(f"{WIRE}/test_driver.py::test_a_silence_of_the_cluster_is_counted_from_its_own_beginning",),
    ),
    Mutation(
        of="silence",
        breaks="an operation on a cluster that is gone never ends: its silence begins anew with each look",
        path="flinkfuncs/core/progress.py",
        before="unreachable = (operation.unreachable_at or now) if",
        after="unreachable = now if",
        tests=(f"{UNIT}/test_progress.py::test_a_silence_of_the_cluster_is_counted_from_its_own_beginning",),
    ),
    Mutation(
        of="silence",
        breaks="an update that has stopped its job is given up as if nothing were changed",
        path="flinkfuncs/operations.py",
        before="if not operation.acted and age > self._patience.unreachable_seconds:",
        after="if age > self._patience.unreachable_seconds:",
        tests=(f"{WIRE}/test_driver.py::test_an_unreachable_cluster_is_waited_for_when_something_was_begun",),
    ),
)

INTAKE = (
    Mutation(
        of="intake",
        breaks="a jar that is uploaded under the same name again is ignored",
        path="flinkfuncs/intake.py",
        before='identity = "\\n".join(f"{facts.name} {facts.etag}" for',
        after='identity = "\\n".join(f"{facts.name}" for',
        tests=(f"{WIRE}/test_intake.py::test_the_same_name_uploaded_again_is_another_operation",),
    ),
    Mutation(
        of="intake",
        breaks="an upload is lost whose event never came, and that is as old as the one before it",
        path="flinkfuncs/intake.py",
        before="return fresh and facts.last_modified == job.uploaded_at",
        after="return fresh and facts.last_modified > job.uploaded_at",
        tests=(f"{WIRE}/test_intake.py::test_the_sweeper_looks_again_at_a_fresh_upload_as_old_as_one_that_is_known",),
    ),
    Mutation(
        of="intake",
        breaks="an older upload whose event comes late takes the place of a newer one",
        path="flinkfuncs/core/queueing.py",
        before="first < second",
        after="first > second",
        tests=(f"{UNIT}/test_queueing.py::test_of_uploads_that_wait_the_newest_wins",),
    ),
    Mutation(
        of="intake",
        breaks="a touched blob takes the job back to the release in it",
        path="flinkfuncs/core/admission.py",
        before="if operation.repeats and release and not release.same_as(record.wanted):",
        after="if operation.repeats and release and release.same_as(record.wanted):",
        tests=(f"{UNIT}/test_handled.py::test_what_repeats_is_no_way_back",),
    ),
    Mutation(
        of="intake",
        breaks="a touched blob takes the turn of an upload that waits",
        path="flinkfuncs/core/queueing.py",
        before="if operation.repeats and new:",
        after="if operation.repeats and not rivals:",
        tests=(f"{UNIT}/test_handled.py::test_a_touched_blob_costs_no_other_upload_its_turn",),
    ),
    Mutation(
        of="intake",
        breaks="a jar that was overwritten before it was read is run in the place of the one that was uploaded",
        path="flinkfuncs/clients/jars.py",
        before="if etag and facts.etag != etag:",
        after="if etag and not facts.etag:",
        tests=(f"{WIRE}/test_jars.py::test_a_jar_that_was_overwritten_before_it_was_read_is_a_conflict",),
    ),
)

TEMPLATES = (
    Mutation(
        of="infra",
        breaks="no alert is raised for a copy that nothing proves well",
        path="infra/alerts.bicep",
        before="'ROLLED_BACK', 'UNPROVEN', 'UNKNOWN')",
        after="'ROLLED_BACK', 'UNKNOWN')",
        tests=(f"{INFRA}/test_alerts.py::test_an_outcome_that_needs_a_person_is_told",),
    ),
    Mutation(
        of="infra",
        breaks="no alert is raised for a sweeper that fails each time",
        path="infra/alerts.bicep",
        before="| where Success == true\n",
        after="",
        tests=(f"{INFRA}/test_alerts.py::test_an_app_whose_sweeper_never_succeeds_is_reported",),
    ),
    Mutation(
        of="infra",
        breaks="a jar is taken when its file is created, and still empty",
        path="infra/events.bicep",
        before="'CopyBlob', 'FlushWithClose']",
        after="'CopyBlob', 'CreateFile', 'FlushWithClose']",
        tests=(f"{INFRA}/test_events.py::test_a_blob_is_announced_when_it_is_whole",),
    ),
    Mutation(
        of="infra",
        breaks="a setting that somebody chose does not reach the app",
        path="infra/app.bicep",
        before="var all = union(settings, connections, others)",
        after="var all = union(connections, others)",
        tests=(f"{INFRA}/test_settings.py::test_the_app_gets_all_of_them",),
    ),
)

TELEMETRY = (
    Mutation(
        of="telemetry",
        breaks="a secret in a URL is in the spans of calls",
        path="flinkfuncs/telemetry/spans.py",
        before="clean = {key: redacted_text(value) if isinstance(value, str) else value for",
        after="clean = {key: value for",
        tests=(f"{WIRE}/test_telemetry.py::test_an_otlp_endpoint_gets_it_and_no_secret",),
    ),
    Mutation(
        of="telemetry",
        breaks="a secret in a log line is in the endpoint's logs",
        path="flinkfuncs/telemetry/logs.py",
        before="text = redacted_text(record.getMessage())",
        after="text = record.getMessage()",
        tests=(f"{WIRE}/test_telemetry.py::test_an_otlp_endpoint_gets_it_and_no_secret",),
    ),
)

# tests/faults/test_mends.py makes these as well, and sees the wire faults turn red.
COUNTED_TWICE = Mutation(
    of="claim",
    breaks="a call is counted twice whose mark was written, not answered, and followed by somebody's upload",
    path="flinkfuncs/clients/claim.py",
    before="if self.record.written == write_id:",
    after="if self.record == wanted:",
    tests=(f"{WIRE}/test_claim.py::test_our_own_write_is_recognised_below_a_change_of_somebody_else",),
)
LEASE_LEFT = Mutation(
    of="driver",
    breaks="the next operation waits for a lease: its driver left with it when what had waited was abandoned",
    path="flinkfuncs/operations.py",
    before="        claim.conclude(lambda record: queueing.taken_up(record, self._now()))\n",
    after="""\
        claim.write(lambda record: queueing.taken_up(record, self._now()))
        if not claim.record.open:
            raise Lost("nothing is open any more")
""",
    tests=(f"{WIRE}/test_waiting.py::test_a_driver_that_finds_nothing_open_any_more_gives_the_job_back",),
)
WORD_UNDONE = Mutation(
    of="ledger",
    breaks="an operation that somebody abandoned while it ended is on record as succeeded",
    path="flinkfuncs/clients/ledger.py",
    before="            confirm()\n",
    after="",
    tests=(
        f"{WIRE}/test_waiting.py::"
        "test_a_driver_whose_operation_was_abandoned_while_it_closed_it_does_not_record_another_end",
    ),
)

CLAIM = (
    Mutation(
        of="claim",
        breaks="two drivers carry out one operation at the same time",
        path="flinkfuncs/clients/claim.py",
        before="lease.until > entry.storage_time",
        after="lease.until < entry.storage_time",
        tests=(f"{WIRE}/test_claim.py::test_a_second_taker_gets_none",),
    ),
    Mutation(
        of="claim",
        breaks="a driver that was paused writes to a job that another one took over",
        path="flinkfuncs/clients/claim.py",
        before="while self.held:",
        after="while True:",
        tests=(f"{WIRE}/test_claim.py::test_a_lease_runs_out_and_then_the_paused_driver_can_write_nothing",),
    ),
    COUNTED_TWICE,
    Mutation(
        of="claim",
        breaks="the next operation waits for a minute, since a lease is left behind where nothing is open",
        path="flinkfuncs/clients/claim.py",
        before="record.but(lease=lease if record.open else None)",
        after="record.but(lease=lease)",
        tests=(f"{WIRE}/test_claim.py::test_nothing_open_leaves_no_lease_behind",),
    ),
    Mutation(
        of="ledger",
        breaks="of two writers of one record, the later one undoes what the earlier one wrote",
        path="flinkfuncs/clients/ledger.py",
        before='{"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {"overwrite": False}',
        after='{} if etag else {"overwrite": False}',
        tests=(f"{WIRE}/test_ledger.py::test_a_record_is_created_once_and_changed_only_by_who_read_it_last",),
    ),
    WORD_UNDONE,
    LEASE_LEFT,
    Mutation(
        of="driver",
        breaks="after a crash the repeated message finds the job taken, and its attempts are used up in vain",
        path="flinkfuncs/operations.py",
        before="            self._let_go(claim)\n",
        after="",
        tests=(f"{WIRE}/test_driver.py::test_an_operation_whose_every_attempt_crashes_ends_as_failed_with_the_cause",),
    ),
    Mutation(
        of="driver",
        breaks="a driver that slept beyond its lease records how an operation ended that another one drives",
        path="flinkfuncs/operations.py",
        before="        claim.confirm()  # a driver that lost the job says nothing of how it ended\n",
        after="",
        tests=(
            f"{WIRE}/test_waiting.py::"
            "test_a_driver_that_slept_beyond_its_lease_leaves_the_end_to_the_one_that_took_over",
        ),
    ),
)

TWO_COPIES = "1. Never two copies"
STATE = "2. Never stateless by accident"
WRITING_DOWN = "3. Never act before writing down"
POST = "4. Never repeat a POST blindly"
PROOF = "5. Never call it done without proof, never roll back without evidence"
PROMISE = "6. Never promise more than happened"
DELETE = "7. Never delete what may be needed"
SECRET = "8. Never let a secret out"
OUTSIDE = "9. Never fetch or write what a request names outside the configured roots"
UNTOUCHED = "10. Never touch what runs for something that could have been refused before"
OTHERS = "11. Never let one caller, one jar or one junk blob cost the others"

RULES = (
    Mutation(
        of=TWO_COPIES,
        breaks="a job is started again while a TaskManager that lost its JobManager still runs it",
        path=f"{SESSION}/ends.py",
        before="if not held and operation.vanished_at and",
        after="if operation.vanished_at and",
        tests=(f"{UNIT}/session/test_table.py::test_start_runs_the_wanted_release_from_its_newest_state",),
    ),
    Mutation(
        of=TWO_COPIES,
        breaks="while a start may still take effect, START runs the same jar from another state under another id",
        path=f"{SESSION}/starting.py",
        before="if not (release.same_as(earlier.release) and same_state):",
        after="if not release.same_as(earlier.release):",
        tests=(f"{UNIT}/session/test_table.py::test_start_runs_the_wanted_release_from_its_newest_state",),
    ),
    Mutation(
        of=TWO_COPIES,
        breaks="a stopped job is started beside one of its name that somebody else started meanwhile",
        path=f"{SESSION}/namesakes.py",
        before="        case Start():\n            return True\n",
        after="        case Start():\n            return not operation.acted\n",
        tests=(f"{UNIT}/session/test_namesakes.py::test_what_was_begun_ends_without_a_start_beside_another_job",),
    ),
    Mutation(
        of=STATE,
        breaks="state that a release does not take over is dropped without anybody having allowed it",
        path="flinkfuncs/clients/flink.py",
        before='"allowNonRestoredState": request.allow_non_restored_state,',
        after='"allowNonRestoredState": request.savepoint is not None,',
        tests=(f"{WIRE}/test_flink_client.py::test_a_start_always_says_how_the_state_is_taken",),
    ),
    Mutation(
        of=STATE,
        breaks="a key of a job's configuration starts it from another state than the update's savepoint",
        path="flinkfuncs/core/releases.py",
        before='REFUSED_KEYS = ("execution.state-recovery", "execution.savepoint", ',
        after='REFUSED_KEYS = ("execution.savepoint", ',
        tests=(f"{UNIT}/test_refused_keys.py::test_a_key_that_would_undo_what_an_update_promises_is_refused",),
    ),
    Mutation(
        of=STATE,
        breaks="an update drains its job: windows fire that are not complete",
        path="flinkfuncs/clients/flink.py",
        before='"drain": False',
        after='"drain": True',
        tests=(f"{WIRE}/test_flink_client.py::test_a_stop_is_camel_case_and_a_savepoint_has_dashes",),
    ),
    Mutation(
        of=STATE,
        breaks="a job's own configuration lets Flink delete its checkpoints when it is cancelled",
        path="flinkfuncs/clusters/program.py",
        before="            **ALWAYS,\n",
        after="            **(ALWAYS | spec.flink_configuration),\n",
        tests=(f"{WIRE}/test_release_check.py::test_a_release_cannot_undo_what_the_app_says_with_every_start",),
    ),
    Mutation(
        of=STATE,
        breaks="a copy that restores runs with the changelog backend, with which every checkpoint of it fails",
        path="flinkfuncs/clusters/program.py",
        before="(NO_CHANGELOG if savepoint else NOTHING)",
        after="NOTHING",
        tests=(
            f"{WIRE}/test_release_check.py::test_a_copy_that_restores_runs_without_the_changelog_and_a_fresh_one_as_it_is_told",
        ),
    ),
    Mutation(
        of=WRITING_DOWN,
        breaks="a driver that dies right after its call leaves no word of it: the next one makes the call again",
        path="flinkfuncs/operations.py",
        before=(
            "        record = claim.write(lambda record: progress.begun(record, operation.id, step, self._now()))\n"
            "        written_down = record.operation(operation.id) or operation\n"
            "        answer = self._answer(claim, record, written_down, step)\n"
        ),
        after=(
            "        answer = self._answer(claim, claim.record, operation, step)\n"
            "        record = claim.write(lambda record: progress.begun(record, operation.id, step, self._now()))\n"
            "        written_down = record.operation(operation.id) or operation\n"
        ),
        tests=(
            f"{WIRE}/test_driver.py::"
            "test_a_driver_that_dies_anywhere_is_followed_by_one_that_ends_the_operation_rightly[UPDATE]",
        ),
    ),
    Mutation(
        of=WRITING_DOWN,
        breaks="every try of a stop has another trigger id, and two of them fail each other",
        path="flinkfuncs/core/operations.py",
        before='hashlib.sha256(f"{self.id}:{named}".encode())',
        after='hashlib.sha256(f"{self.id}:{named}:{self.progressed_at}".encode())',
        tests=(f"{UNIT}/test_operations.py::test_each_purpose_has_its_own_token_that_flink_takes",),
    ),
    Mutation(
        of=POST,
        breaks="a start that a proxy turned away counts as one that Flink refused, and the old release comes back",
        path="flinkfuncs/clients/flink.py",
        before="    if error := not_flinks(reply):\n        raise error\n",
        after="",
        tests=(f"{WIRE}/test_flink_access.py::test_what_a_proxy_says_is_never_taken_for_flinks_word",),
    ),
    Mutation(
        of=POST,
        breaks="a start whose answer was lost counts as one that never left",
        path="flinkfuncs/clients/http.py",
        before='= Unavailable if method == "GET" else Unanswered\n    if isinstance',
        after="= Unavailable\n    if isinstance",
        tests=(f"{WIRE}/test_http.py::test_a_post_that_may_have_arrived_is_unanswered_and_sent_once",),
    ),
    Mutation(
        of=POST,
        breaks="a runJob that was not answered is sent to the service again",
        path="flinkfuncs/core/arm/table.py",
        before="if mark and mark.unanswered > 0:",
        after="if mark and mark.unanswered > 0 and operation.arm and operation.arm.accepted:",
        tests=(f"{WIRE}/test_hdinsight.py::test_a_call_is_sent_again_only_if_it_surely_did_not_leave",),
    ),
    Mutation(
        of=PROOF,
        breaks="a copy that was restarted since its checkpoint counts as proved",
        path=f"{SESSION}/proof.py",
        before="if fresh and isinstance(copy.checkpoint, TriggerDone):",
        after="if isinstance(copy.checkpoint, TriggerDone):",
        tests=(f"{UNIT}/session/test_proof.py::test_a_copy_is_proved_by_settling_and_a_checkpoint_that_we_ask_for",),
    ),
    Mutation(
        of=PROOF,
        breaks="a good release is rolled back since TaskManagers were lost",
        path=f"{SESSION}/facts.py",
        before="if failure.blame is Blame.RELEASE]",
        after="if failure.blame is not Blame.SLOTS]",
        tests=(f"{UNIT}/session/test_proof.py::test_a_copy_is_proved_by_settling_and_a_checkpoint_that_we_ask_for",),
    ),
    Mutation(
        of=PROOF,
        breaks="a release that waits for slots which a node took along is rolled back and held from then on",
        path=f"{SESSION}/starting.py",
        before="if copy.committed or operation.undo or copy.slots_gone:",
        after="if copy.committed or operation.undo:",
        tests=(f"{WIRE}/test_slots.py::test_a_release_is_not_blamed_for_slots_that_are_gone_since_it_was_checked",),
    ),
    Mutation(
        of=PROMISE,
        breaks="the last checkpoint before a cancel is not counted: output comes twice, and the result denies it",
        path=f"{SESSION}/rollback.py",
        before="return not_yet_told(operation, seen) or gone",
        after="return gone",
        tests=(f"{UNIT}/session/test_proof.py::test_a_bad_copy_is_made_terminal_before_the_old_release_is_started",),
    ),
    Mutation(
        of=PROMISE,
        breaks="a rollback that somebody abandons does not say that output comes twice",
        path="flinkfuncs/core/abandoning.py",
        before="message = unseen(operation, f",
        after="message = str(f",
        tests=(f"{UNIT}/test_undone.py::test_a_rollback_that_is_abandoned_says_what_comes_again",),
    ),
    Mutation(
        of=PROMISE,
        breaks="a rollback promises that nothing was written twice, although the bad copy vanished uncounted",
        path="flinkfuncs/core/undone.py",
        before="undo.completed == 0 and not undo.at_least",
        after="undo.completed == 0",
        tests=(f"{UNIT}/session/test_proof.py::test_a_rollback_says_whether_output_comes_again",),
    ),
    Mutation(
        of=DELETE,
        breaks="Flink owns a savepoint that a copy was started from, and deletes the way back",
        path="flinkfuncs/clients/flink.py",
        before='"NO_CLAIM"',
        after='"CLAIM"',
        tests=(f"{WIRE}/test_flink_client.py::test_a_start_always_says_how_the_state_is_taken",),
    ),
    Mutation(
        of=DELETE,
        breaks="the savepoint to which a rollback would go back is disposed of",
        path="flinkfuncs/core/retention.py",
        before="(same_path(current.savepoint, path) or current.operation == operation)",
        after="(same_path(current.savepoint, path) and current.operation == operation)",
        tests=(f"{UNIT}/test_retention.py::test_every_row_of_the_rule",),
    ),
    Mutation(
        of=DELETE,
        breaks="the jar to which a rollback would go back is deleted",
        path="flinkfuncs/core/release_retention.py",
        before="[jar for jar in jars if jar.sha256 not in needed]",
        after="list(jars)",
        tests=(f"{UNIT}/test_release_retention.py::test_what_a_job_may_need_stays",),
    ),
    Mutation(
        of=DELETE,
        breaks="a jar is deleted that an operation took into use a moment ago",
        path="flinkfuncs/clients/kept_releases.py",
        before="delete_blob(blob.name, etag=blob.etag, match_condition=MatchConditions.IfNotModified)",
        after="delete_blob(blob.name)",
        tests=(
            f"{WIRE}/test_kept_releases.py"
            "::test_a_jar_that_an_operation_takes_into_use_behind_the_look_at_the_record_stays",
        ),
    ),
    Mutation(
        of=DELETE,
        breaks="the records of all jobs are deleted when they are old enough",
        path="infra/storage.bicep",
        before="${ledgerKey}/closed/'",
        after="${ledgerKey}/'",
        tests=(f"{INFRA}/test_settings.py::test_the_ledger_of_this_cluster_is_what_expires",),
    ),
    Mutation(
        of=SECRET,
        breaks="a password that Flink quotes is in the operation's result",
        path="flinkfuncs/core/errors.py",
        before='folded = " ".join(redacted_text(detail).split())',
        after='folded = " ".join(detail.split())',
        tests=(f"{WIRE}/test_flink_client.py::test_a_main_that_throws_its_arguments_back_costs_no_more_than_another",),
    ),
    Mutation(
        of=SECRET,
        breaks="the signature of a signed URL is in error messages",
        path="flinkfuncs/clients/http.py",
        before='return f"{self.method} {urlsplit(self.url).path} answered',
        after='return f"{self.method} {self.url} answered',
        tests=(f"{WIRE}/test_http.py::test_each_status_is_sorted_by_what_the_caller_can_do",),
    ),
    Mutation(
        of=OUTSIDE,
        breaks="a caller reads and writes in a directory whose name begins like the root's",
        path="flinkfuncs/core/names.py",
        before='below.startswith(path.rstrip("/") + "/")',
        after="below.startswith(path)",
        tests=(f"{UNIT}/test_names.py::test_a_directory_holds_only_what_lies_below_it",),
    ),
    Mutation(
        of=OUTSIDE,
        breaks="everybody in the tenant may use a gateway whose list of principals is empty",
        path="flinkfuncs/clients/tokens.py",
        before="if CONTRIBUTOR in rights or (",
        after="if not self._rights or CONTRIBUTOR in rights or (",
        tests=(f"{WIRE}/test_tokens.py::test_an_empty_list_allows_nobody",),
    ),
    Mutation(
        of=UNTOUCHED,
        breaks="a job is stopped before anybody looked whether its new release can start",
        path=f"{SESSION}/table.py",
        before="return _prepare(operation, record, seen, limits) or _end_old_copy(",
        after="return _end_old_copy(",
        tests=(f"{UNIT}/session/test_table.py::test_an_update_begins_only_where_its_state_is_sure",),
    ),
    Mutation(
        of=UNTOUCHED,
        breaks="a job is stopped for an update from a savepoint that is not there",
        path=f"{SESSION}/savepoints.py",
        before="    if seen.named_there is False:",
        after="    if seen.named_there is False and how is not Standing.RUNS:",
        tests=(
            f"{UNIT}/session/test_savepoints.py::"
            "test_what_can_be_refused_of_a_named_savepoint_is_refused_before_anything_is_touched",
        ),
    ),
    Mutation(
        of=OTHERS,
        breaks="a caller in a loop makes a job's record grow until nobody can write it any more",
        path="flinkfuncs/intake.py",
        before="if len(queued.record.open) > MOST_OPEN:",
        after="if len(record.open) > 10 * MOST_OPEN:",
        tests=(f"{WIRE}/test_intake.py::test_a_call_for_a_job_that_does_not_exist_is_not_found",),
    ),
    Mutation(
        of=UNTOUCHED,
        breaks="a pipeline that uploads a bad version every hour stops the job every hour",
        path="flinkfuncs/core/rolled_back.py",
        before="if request.again and not tried:",
        after="if not tried:",
        tests=(f"{UNIT}/test_rolled_back.py::test_an_upload_of_a_release_that_was_rolled_back_is_held",),
    ),
    Mutation(
        of=UNTOUCHED,
        breaks="the next build brings back what somebody went back from by hand",
        path="flinkfuncs/core/rolled_back.py",
        before="rolled_back=(*left, *gone_back_from)[-MOST:]",
        after="rolled_back=(*left,)[-MOST:]",
        tests=(
            f"{UNIT}/test_rolled_back.py"
            "::test_a_release_that_somebody_went_back_from_is_held_and_the_message_says_who_and_why",
        ),
    ),
    Mutation(
        of=UNTOUCHED,
        breaks="a job is stopped for a release whose bytes are gone",
        path="flinkfuncs/clusters/keeper.py",
        before="if not jars.releases.hold(operation.job, release.sha256):",
        after="if False:",
        tests=(
            f"{WIRE}/test_kept_releases.py"
            "::test_a_release_whose_bytes_go_after_it_was_asked_for_is_refused_before_anything_is_touched",
        ),
    ),
    Mutation(
        of=OTHERS,
        breaks="one upload that cannot be taken keeps the sweeper from all that come after it",
        path="flinkfuncs/intake.py",
        before="            self.upload(path.blob)\n        except FlinkFuncsError as error:",
        after="            self.upload(path.blob)\n        except Refused as error:",
        tests=(f"{WIRE}/test_upgrade.py::test_a_newer_record_holds_up_no_other_job",),
    ),
    Mutation(
        of=OTHERS,
        breaks="a jar that throws its arguments back, 200 kB of them, keeps every other job waiting",
        path="flinkfuncs/redaction.py",
        before="if len(text) <= LONGEST_TEXT:",
        after="if len(text) <= 1024 * LONGEST_TEXT:",
        tests=(f"{UNIT}/test_long_texts.py::test_a_text_that_was_cut_says_so",),
    ),
)

GUARD = "flinkfuncs/triggers/guard.py"
RIGHTS = (
    Mutation(
        of="rights",
        breaks="whoever writes a principal into a header is an operator where nothing signs people in",
        path=GUARD,
        before='not in ("true", "1"):',
        after='in ("false", "0"):',
        tests=(f"{UNIT}/test_guard.py::test_a_right_opens_what_it_should",),
    ),
    Mutation(
        of="rights",
        breaks="a reader stops a job",
        path=GUARD,
        before='    if req.method != "GET" and not _only_plans(req, function):',
        after='    if req.method == "DELETE":',
        tests=(f"{UNIT}/test_guard.py::test_a_right_opens_what_it_should",),
    ),
    Mutation(
        of="rights",
        breaks="a reader stops a job by calling it a dry run, which its route does not know",
        path=GUARD,
        before='return dry_run == "true" and any(',
        after='return dry_run == "true" or any(',
        tests=(f"{UNIT}/test_guard.py::test_a_plan_and_a_dry_run_change_nothing",),
    ),
    Mutation(
        of="rights",
        breaks="a page of another site stops a job from an operator's browser",
        path=GUARD,
        before='if req.method != "GET" and _is_cross_site(req):',
        after='if req.method != "POST" and _is_cross_site(req):',
        tests=(f"{WIRE}/test_rights.py::test_no_route_takes_a_change_from_another_site",),
    ),
    Mutation(
        of="rights",
        breaks="the host lets everybody through, and nobody asks for a role",
        path=GUARD,
        before="return func.AuthLevel.ANONYMOUS if by_roles() else func.AuthLevel.FUNCTION",
        after="return func.AuthLevel.ANONYMOUS",
        tests=(f"{UNIT}/test_guard.py::test_the_host_asks_for_a_key_unless_the_guard_asks_for_a_role",),
    ),
)

MUTATIONS = (*LAST_STATE, *GATE, *UNDO, *SILENCE, *INTAKE, *TEMPLATES, *TELEMETRY, *CLAIM, *RIGHTS, *RULES)
