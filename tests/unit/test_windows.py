"""When is an `updateWindow` open, when does it open next, and which ones are refused where they come in?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flinkfuncs.core.errors import Refused
from flinkfuncs.core.model import Model, parse_json
from flinkfuncs.core.releases import Spec, SpecPatch
from flinkfuncs.core.uploads import parse_job_json
from flinkfuncs.core.windows import DAYS, CronWindow, DailyWindow, NoWindow, UpdateWindow, Window, opens_at

BERLIN = "Europe/Berlin"  # in 2026 the hour from 2:00 is left out on March 29 and repeated on October 25
NIGHT = {"from": "02:00", "until": "05:00", "timeZone": BERLIN}


class Job(Model):
    """What holds a window."""

    update_window: UpdateWindow | None = None


def read(window: object) -> Window | None:
    return parse_json(Job, json.dumps({"updateWindow": window}), what="the file").update_window


def daily(hours: str, days: str = "", zone: str = "UTC") -> DailyWindow:
    opens, _, until = hours.partition("-")
    window = read({"from": opens, "until": until, "timeZone": zone} | ({"days": days.split()} if days else {}))
    assert isinstance(window, DailyWindow)
    return window


def cron(expression: str, minutes: int, zone: str = "UTC") -> CronWindow:
    window = read({"cron": expression, "minutes": minutes, "timeZone": zone})
    assert isinstance(window, CronWindow)
    return window


def at(text: str) -> datetime:
    """Read `11-27 23:59` as a time in 2026, UTC; the 27th of November is a Friday."""
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def shown(moment: datetime | None) -> str:
    return f"{moment:%m-%d %H:%M}" if moment else "open"


@pytest.mark.parametrize(
    ("hours", "days", "now", "opens"),
    [
        ("02:00-05:00", "", "11-27 01:59", "11-27 02:00"),
        ("02:00-05:00", "", "11-27 02:00", "open"),
        ("02:00-05:00", "", "11-27 04:59", "open"),
        ("02:00-05:00", "", "11-27 05:00", "11-28 02:00"),
        ("22:00-02:00", "", "11-27 23:59", "open"),
        ("22:00-02:00", "", "11-28 01:59", "open"),
        ("22:00-02:00", "", "11-28 02:00", "11-28 22:00"),
        ("22:00-00:00", "", "11-27 23:59", "open"),
        ("22:00-00:00", "", "11-28 00:00", "11-28 22:00"),
        ("00:00-23:59", "", "11-27 23:59", "11-28 00:00"),
        ("02:00-05:00", "MON WED", "11-27 03:00", "11-30 02:00"),
        ("02:00-05:00", "MON WED", "11-30 05:00", "12-02 02:00"),
        ("02:00-05:00", "MON", "11-30 05:00", "12-07 02:00"),
        ("22:00-02:00", "FRI", "11-28 01:00", "open"),
        ("22:00-02:00", "FRI", "11-28 22:30", "12-04 22:00"),
        ("22:00-02:00", "SAT", "11-28 01:00", "11-28 22:00"),
    ],
)
def test_a_daily_window_is_open_from_one_time_until_another_one(hours: str, days: str, now: str, opens: str) -> None:
    """Past midnight as well, when the day is that of its beginning; `until` itself is outside."""
    assert shown(opens_at(daily(hours, days), at(now))) == opens


@pytest.mark.parametrize(
    ("expression", "minutes", "now", "opens"),
    [
        ("0 2 * * 1-5", 120, "11-27 01:59", "11-27 02:00"),
        ("0 2 * * 1-5", 120, "11-27 02:00", "open"),
        ("0 2 * * 1-5", 120, "11-27 03:59", "open"),
        ("0 2 * * 1-5", 120, "11-27 04:00", "11-30 02:00"),
        ("0 2 * * MON", 7 * 1440, "11-27 04:00", "open"),
        ("30 23 * * 5", 60, "11-28 00:29", "open"),
        ("30 23 * * 5", 60, "11-28 00:30", "12-04 23:30"),
        ("*/30 * * * *", 10, "11-27 12:10", "11-27 12:30"),
        ("*/30 * * * *", 45, "11-27 12:29", "open"),
        ("0 4 1 * *", 60, "11-27 12:00", "12-01 04:00"),
        ("0 4 L * *", 60, "11-27 12:00", "11-30 04:00"),
        ("0 4 29 2 *", 60, "11-27 12:00", "02-29 04:00"),
    ],
)
def test_a_cron_opens_a_window_for_some_minutes(expression: str, minutes: int, now: str, opens: str) -> None:
    """Each time that it comes; the minutes go on past midnight, and windows may overlap."""
    assert shown(opens_at(cron(expression, minutes), at(now))) == opens


@pytest.mark.parametrize(
    ("window", "now", "opens"),
    [
        (daily("02:00-05:00", zone=BERLIN), "03-27 12:00", "03-28 01:00"),  # in winter
        (daily("02:00-05:00", zone=BERLIN), "03-28 12:00", "03-29 01:00"),  # 3:00 follows 1:59
        (daily("02:00-05:00", zone=BERLIN), "03-29 02:59", "open"),
        (daily("02:00-05:00", zone=BERLIN), "03-29 03:00", "03-30 00:00"),
        (daily("02:30-05:00", zone=BERLIN), "03-28 12:00", "03-29 01:00"),
        (daily("01:30-02:30", zone=BERLIN), "03-29 00:59", "open"),
        (daily("01:30-02:30", zone=BERLIN), "03-29 01:00", "03-29 23:30"),
        (daily("02:10-02:50", zone=BERLIN), "03-28 12:00", "03-30 00:10"),  # not at all on the 29th
        (daily("02:10-02:50", "SUN", zone=BERLIN), "03-28 12:00", "04-05 00:10"),
        (cron("30 2 * * *", 60, BERLIN), "03-28 12:00", "03-29 01:00"),
        (cron("30 2 * * *", 60, BERLIN), "03-29 01:59", "open"),
        (cron("30 2 * * *", 60, BERLIN), "03-29 02:00", "03-30 00:30"),
        (cron("*/30 2 * * *", 10, BERLIN), "03-28 12:00", "03-30 00:00"),  # not at all on the 29th
        (cron("0 1 * * *", 120, BERLIN), "03-29 01:59", "open"),
        (cron("0 1 * * *", 120, BERLIN), "03-29 02:00", "03-29 23:00"),
    ],
)
def test_in_spring_what_lies_in_the_hour_that_is_left_out_comes_right_after_it(
    window: Window, now: str, opens: str
) -> None:
    """A daily window that lies in it as a whole is left out with it, and so is a cron whose minute or hour begins with
    `*`; minutes of a cron are real ones.
    """
    assert shown(opens_at(window, at(now))) == opens


@pytest.mark.parametrize(
    ("window", "now", "opens"),
    [
        (daily("02:00-05:00", zone=BERLIN), "10-24 12:00", "10-25 00:00"),
        (daily("02:00-05:00", zone=BERLIN), "10-25 03:59", "open"),  # four hours
        (daily("02:00-05:00", zone=BERLIN), "10-25 04:00", "10-26 01:00"),
        (daily("02:10-02:50", zone=BERLIN), "10-25 00:49", "open"),
        (daily("02:10-02:50", zone=BERLIN), "10-25 01:20", "10-26 01:10"),  # it is 2:20 again
        (cron("30 2 * * *", 60, BERLIN), "10-24 12:00", "10-25 00:30"),
        (cron("30 2 * * *", 60, BERLIN), "10-25 01:29", "open"),
        (cron("30 2 * * *", 60, BERLIN), "10-25 01:30", "10-26 01:30"),
        (cron("30 2 * * *", 10, BERLIN), "10-25 01:35", "10-26 01:30"),
        (cron("30 * * * *", 10, BERLIN), "10-25 01:29", "10-25 01:30"),
    ],
)
def test_in_autumn_what_lies_in_the_hour_that_is_repeated_comes_once(window: Window, now: str, opens: str) -> None:
    """The first time that the clock shows it; a cron whose minute or hour begins with `*` comes in both."""
    assert shown(opens_at(window, at(now))) == opens


@pytest.mark.parametrize("window", [None, NoWindow()])
def test_without_a_window_every_time_will_do(window: Window | None) -> None:
    """Nothing is held."""
    assert opens_at(window, at("11-27 12:00")) is None


ZONES = st.sampled_from(["UTC", BERLIN, "America/New_York", "America/Santiago", "Asia/Kolkata", "Africa/Casablanca"])
TIMES = st.times().map(lambda time: f"{time:%H:%M}")
WEEK = st.sets(st.sampled_from(DAYS)).map(" ".join)
DAILY = st.builds(
    lambda hours, days, zone: daily("-".join(hours), days, zone),
    st.lists(TIMES, min_size=2, max_size=2, unique=True),
    WEEK,
    ZONES,
)
CRONS = st.sampled_from(["0 2 * * 1-5", "*/7 3 * * *", "30 2 * * *", "15 */6 * * *", "0 0 1 * *", "59 23 L * *"])
CRON = st.tuples(CRONS, st.integers(1, 7 * 1440), ZONES).map(lambda w: cron(*w))
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(DAILY | CRON, MOMENTS)
def test_a_window_is_open_when_it_opens_and_not_before(window: Window, now: datetime) -> None:
    """Whatever the window and the moment: what is held is let through at the time that is named, and no sooner."""
    opens = opens_at(window, now)
    if opens is None:
        return
    assert opens > now
    assert opens_at(window, opens) is None
    for part in (0.25, 0.5, 0.999):
        assert opens_at(window, now + (opens - now) * part) == opens


@given(DAILY, MOMENTS)
def test_an_open_daily_window_is_what_the_clock_shows(window: DailyWindow, now: datetime) -> None:
    """But for the days on which an hour is left out or repeated."""
    local = now.astimezone(ZoneInfo(window.time_zone))
    if any((local + timedelta(days=days)).utcoffset() != local.utcoffset() for days in (-2, 2)):
        return
    clock, passes_midnight = f"{local:%H:%M}", window.opens > window.until
    begun_yesterday = passes_midnight and clock < window.until
    day = (local - timedelta(days=begun_yesterday)).strftime("%a").upper()
    inside = begun_yesterday or (window.opens <= clock and (passes_midnight or clock < window.until))
    assert (opens_at(window, now) is None) == (inside and (window.days is None or day in window.days))


@pytest.mark.parametrize(
    ("window", "word"),
    [
        ({"cron": "0 2 * * 1-5"}, "minutes: Field required"),
        ({"minutes": 5}, "it has cron and minutes, or from and until"),
        ("always", "it has cron and minutes, or from and until"),
        ([], "it has cron and minutes, or from and until"),
        ({"cron": "0 2 * * *", "minutes": 0}, "minutes: Input should be greater than or equal to 1"),
        ({"cron": "0 2 * * *", "minutes": 10081}, "minutes: Input should be less than or equal to 10080"),
        ({"cron": "0 2 * * *", "minutes": "60"}, "minutes: Input should be a valid integer"),
        ({"cron": "0 2 * * *", "minutes": True}, "minutes: Input should be a valid integer"),
        ({"cron": "0 2 * * *", "minutes": 60, "until": "05:00"}, "until: unknown field"),
        ({"cron": "0 0 2 * * *", "minutes": 60}, "cron has five fields"),
        ({"cron": "@daily", "minutes": 60}, "cron has five fields"),
        ({"cron": "0 25 * * *", "minutes": 60}, "it is not a cron expression: Bad hour"),
        ({"cron": "0 0 30 2 *", "minutes": 60}, "it is not a cron expression: Bad day-of-month"),
        ({"cron": "0 0 31 4,6 *", "minutes": 60}, "it is not a cron expression: Bad day-of-month"),
        ({"cron": f"{'0,' * 50}0 2 * * *", "minutes": 60}, "cron: String should have at most 100 characters"),
        (NIGHT | {"until": "02:00"}, "from and until are the same time"),
        (NIGHT | {"until": "24:00"}, "until: String should match pattern"),
        (NIGHT | {"from": "2:00"}, "from: String should match pattern"),
        ({"from": "02:00"}, "until: Field required"),
        (NIGHT | {"days": []}, "days: Tuple should have at least 1 item"),
        (NIGHT | {"days": ["Monday"]}, "days.0: Input should be 'MON'"),
        (NIGHT | {"timeZone": "Europe/Atlantis"}, "there is no such time zone"),
        (NIGHT | {"timeZone": "Europe"}, "there is no such time zone"),
        (NIGHT | {"timeZone": "CET-1CEST"}, "there is no such time zone"),
        (NIGHT | {"timeZone": "../../etc/passwd"}, "timeZone: String should match pattern"),
        (NIGHT | {"timeZone": "/etc/passwd"}, "there is no such time zone"),
        (NIGHT | {"timeZone": ""}, "timeZone: String should match pattern"),
    ],
)
def test_what_can_be_no_window_is_refused_where_it_comes_in(window: object, word: str) -> None:
    """With a word on what is wrong, of a job.json and of a body alike."""
    with pytest.raises(Refused) as raised:
        parse_job_json(json.dumps({"jar": "a.jar", "updateWindow": window}).encode())
    assert (raised.value.code, raised.value.status) == ("InvalidBody", 400)
    assert word in raised.value.message


@given(st.text("0123456789*/,-#LW MONFEB", max_size=30), st.integers())
def test_no_cron_does_harm(expression: str, minutes: int) -> None:
    """It is refused, or it comes some day."""
    try:
        window = cron(expression, minutes)
    except Refused:
        return
    opens_at(window, at("11-27 12:00"))


def test_a_zone_that_is_not_known_any_more_leaves_the_record_readable() -> None:
    """It is said when the window is asked about; nothing else of the job depends on it."""
    text = '{"updateWindow": {"from": "02:00", "until": "05:00", "timeZone": "Europe/Atlantis"}}'
    window = Job.model_validate_json(text).update_window
    with pytest.raises(Refused) as raised:
        opens_at(window, at("11-27 12:00"))
    assert raised.value.code == "UnknownTimeZone"


@pytest.mark.parametrize("window", [NIGHT, {"cron": "0 2 * * *", "minutes": 5}, NIGHT | {"days": ["MON", "TUE"]}, {}])
def test_a_window_is_recorded_as_it_came(window: dict[str, object]) -> None:
    """In a release, and in a request: an empty one takes the window away, and is no word of silence."""
    patch = parse_json(SpecPatch, json.dumps({"updateWindow": window}), what="the body")
    again = SpecPatch.model_validate_json(patch.to_json())
    assert again == patch
    assert again.model_fields_set == {"update_window"}
    spec = Spec(update_window=daily("01:00-02:00")).patched(again)
    assert spec.update_window == (patch.update_window if window else None)
    assert Spec.model_validate_json(spec.to_json()) == spec
