"""What can go wrong, sorted by what Airflow may do about it.

exception                   when                                            retried by Airflow
--------------------------  ----------------------------------------------  -------------------------------
FlinkFuncsUnavailable       the app cannot be reached, 429, 5xx             yes: it finds what it asked for
FlinkFuncsDenied            401, 403                                        yes: it finds what it asked for
FlinkOperationOpen          `timeout` has passed, and the operation goes    yes: it waits for the same one
                            on
FlinkOperationFailed        FAILED                                          yes: it asks anew
FlinkFuncsRefused           another 4xx: nothing was recorded               no
FlinkOperationRefused       REFUSED, SUPERSEDED                             no
FlinkOperationRolledBack    ROLLED_BACK: the old release runs again         no
FlinkOperationAbandoned     ABANDONED: somebody ended it                    no
FlinkOperationUnproven      UNPROVEN: the new run is kept, unproven         no
FlinkOperationUnknown       UNKNOWN, or a word that is not known here       no
FlinkKeyExpired             a retry that can no longer tell whether an      no
                            earlier try has acted
FlinkPlanRefused            a plan that would be refused, or cannot tell    no
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException


class FlinkFuncsUnavailable(AirflowException):
    """The app gave no answer, or cannot answer now: the same request may be sent again."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """Keep for how many seconds the app asks to be left alone."""
        super().__init__(message)
        self.retry_after = retry_after


class FlinkFuncsDenied(AirflowException):
    """The key or the token was not accepted, or lacks the role."""


class FlinkFuncsRefused(AirflowFailException):
    """The app did not accept the request; `code` is its own word, `status` that of HTTP."""

    def __init__(self, message: str, *, status: int, code: str | None = None) -> None:
        """Keep what programs decide by."""
        super().__init__(message)
        self.status, self.code = status, code


class FlinkPlanRefused(AirflowFailException):
    """What was planned would be refused, or nobody can tell."""


class FlinkKeyExpired(AirflowFailException):
    """Idempotency keys are kept for seven days, and the first try of this task may be older."""


class FlinkOperationOpen(AirflowException):
    """The operation goes on; a retry waits for the same one."""


class FlinkOperationFailed(AirflowException):
    """It was carried out, and did not work; a retry asks anew."""


class FlinkOperationRefused(AirflowFailException):
    """Nothing was touched, and asking again will not help."""


class FlinkOperationRolledBack(AirflowFailException):
    """The new release was no good, and the old one runs again."""


class FlinkOperationAbandoned(AirflowFailException):
    """Somebody ended the operation by hand."""


class FlinkOperationUnproven(AirflowFailException):
    """The new run is kept, and nothing shows that it is well, or that it is not."""


class FlinkOperationUnknown(AirflowFailException):
    """It was sent, and nobody can tell what came of it: look before anything is sent again."""


OUTCOMES: dict[str, type[AirflowException]] = {
    "FAILED": FlinkOperationFailed,
    "REFUSED": FlinkOperationRefused,
    "SUPERSEDED": FlinkOperationRefused,
    "ROLLED_BACK": FlinkOperationRolledBack,
    "ABANDONED": FlinkOperationAbandoned,
    "UNPROVEN": FlinkOperationUnproven,
    "UNKNOWN": FlinkOperationUnknown,
}
