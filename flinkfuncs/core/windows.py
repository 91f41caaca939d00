"""When an upload may update a job: in its `updateWindow`; at any time, where it has none.

    {"cron": "0 2 * * 1-5", "minutes": 120, "timeZone": "Europe/Berlin"}            each time opens it, for so long
    {"from": "22:00", "until": "02:00", "days": ["FRI", "SAT"], "timeZone": "UTC"}  on these days, or on every day

    the clock of the time zone     cron                               from, until
    -----------------------------  ---------------------------------  ------------------------------------------------
    passes midnight                the minutes continue               the day is that of `from`
    skips an hour (spring)         a time in it comes right after it  a time in it comes right after it; a window that
                                                                      is entirely within it is skipped with it
    repeats an hour (autumn)       a time in it comes once, first     each of the two comes once, first
    … and cron's minute or hour    as the clock shows it: not in an   -
    begins with `*`                hour that is skipped, in both of
                                   a repeated one

Cron works as in Debian's cron (the library `cronsim`). The minutes are minutes of elapsed time.

The rule that must never break: a window opens again, or it is refused where it comes in.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo, model_validator

from .errors import Refused
from .model import Model

DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
LONGEST_MINUTES = 7 * 24 * 60
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_ONE_OF = "it has cron and minutes, or from and until; {} is none"


def _check_zone(name: str, info: ValidationInfo) -> str:
    """Refuse a zone that is not known where it comes in; one that is on record stays readable."""
    try:
        return name if not info.context else ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder
        raise ValueError("there is no such time zone; they are named as in the IANA database: Europe/Berlin") from None


def _check_cron(cron: str, info: ValidationInfo) -> str:
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - nothing is indexed with it

    if not info.context:
        return cron
    if len(cron.split()) != 5:
        raise ValueError("cron has five fields: minute, hour, day of the month, month, day of the week")
    try:
        first = next(CronSim(cron, _ANY_TIME), None)
    except CronSimError as error:
        raise ValueError(f"it is not a cron expression: {error}") from None
    if first is None:
        raise ValueError("no date ever matches it")
    return cron


TimeZone = Annotated[str, Field(max_length=64, pattern="^[A-Za-z0-9_+/-]+$"), AfterValidator(_check_zone)]
TimeOfDay = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Day = Literal["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]


class CronWindow(Model):
    """A window that opens by a cron expression of five fields, for some minutes."""

    cron: Annotated[str, Field(max_length=100), AfterValidator(_check_cron)]
    minutes: Annotated[int, Field(strict=True, ge=1, le=LONGEST_MINUTES)]
    time_zone: TimeZone = "UTC"


class DailyWindow(Model):
    """A window from one time of the day until another one, on every day or on some of the week's."""

    opens: TimeOfDay = Field(alias="from")
    until: TimeOfDay
    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)] | None = None
    time_zone: TimeZone = "UTC"

    @model_validator(mode="after")
    def _lasts(self) -> DailyWindow:
        if self.opens == self.until:
            raise ValueError("from and until are the same time; leave updateWindow out for every time")
        return self


class NoWindow(Model):
    """An empty object: a call that says it takes the job's window away."""


def _form(window: object) -> str | None:
    match window:
        case CronWindow() | {"cron": _}:
            return "cron"
        case DailyWindow() | {"from": _} | {"until": _}:
            return "daily"
        case NoWindow():
            return "none"
        case dict() if not window:
            return "none"
        case _:
            return None


Window: TypeAlias = CronWindow | DailyWindow | NoWindow
UpdateWindow = Annotated[
    Annotated[CronWindow, Tag("cron")] | Annotated[DailyWindow, Tag("daily")] | Annotated[NoWindow, Tag("none")],
    Discriminator(_form, custom_error_type="update_window", custom_error_message=_ONE_OF),
]


def opens_at(window: Window | None, now: datetime) -> datetime | None:
    """Return when the window opens next (UTC); None: it is open now.

    Raises:
        Refused: the time zone is on record, and this machine does not know it.

    """
    match window:
        case None | NoWindow():
            return None
        case CronWindow():
            opens = _by_cron(window, now)
        case DailyWindow():
            opens = _by_day(window, now)
    return opens if opens > now else None


def _by_cron(window: CronWindow, now: datetime) -> datetime:
    """Return when the first window begins that is not over."""
    from cronsim import CronSim  # noqa: PLC0415 - nothing is indexed with it

    length = timedelta(minutes=window.minutes)
    for fire in CronSim(window.cron, (now - length).astimezone(_zone(window.time_zone))):
        opens = fire.astimezone(UTC)
        if opens + length > now:  # in a repeated hour it may begin with one that is over
            return opens
    raise AssertionError(f"{window.cron!r} never comes: it should have been refused")


def _by_day(window: DailyWindow, now: datetime) -> datetime:
    """Return when the first window begins that is not over."""
    zone, first, last = _zone(window.time_zone), time.fromisoformat(window.opens), time.fromisoformat(window.until)
    yesterday = now.astimezone(zone).date() - timedelta(days=1)
    for day in (yesterday + timedelta(days=number) for number in count()):
        if window.days and DAYS[day.weekday()] not in window.days:
            continue
        opens = _first_showing(day, first, zone)
        closes = _first_showing(day if first < last else day + timedelta(days=1), last, zone)
        if opens < closes and closes > now:
            return opens
    raise AssertionError("days have no end")


def _first_showing(day: date, hour: time, zone: ZoneInfo) -> datetime:
    """Return the first minute at which the zone's clock shows this time or, where it leaves it out, a later one."""
    shown = datetime.combine(day, hour)
    moment = min(shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    while moment.astimezone(zone).replace(tzinfo=None) < shown:
        moment += timedelta(minutes=1)
    return moment


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused(f"the time zone {name} of the updateWindow is not known here", code="UnknownTimeZone") from None
