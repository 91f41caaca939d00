"""What does a plan look like? As text of a line a thing, for a terminal; as Markdown, for a comment on a pull request.

    WILL_DO UPDATE of orders                                 the verdict first
    stops: run 7b1c, RUNNING, release 5c1d0e2f3a4b           what stops, and from which state it goes on
    state: a savepoint of the stop, below abfs://…
    GONE: the operator count, 12.3 MiB of state              in bold red: what is lost
    …
    plan: 6f0c1d2e3f4a5b6c.5c1d0e2f3a4b5c6d                  the id last

Fields that this version does not know are not shown, and those that are missing are left out. Names, values and words
in a plan come from users' code: Markdown shows them as code, or with what would be markup, or call a person, undone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from .console import BOLD_RED, GREEN, RED, YELLOW, Json, plain, shown_size, shown_time
from .reading import SHORT_ID, text_of, under

Line = tuple[str, str | None]  # a text and its colour

VERDICTS = {
    "NOTHING_TO_DO": ("nothing to do", GREEN),
    "WILL_DO": ("will be done", GREEN),
    "WOULD_BE_REFUSED": ("would be refused", RED),
    "UNKNOWN": ("cannot be predicted", YELLOW),
}
MOST_SHOWN = 20  # of operators and of fields that change
LONGEST_VALUE = 300  # characters
_MARKUP = re.compile(r"([\\`*_\[\]#|~$])")


def lines(plan: Json, job: str, now: datetime) -> list[Line]:
    """Show a plan at a terminal."""
    verdict = text_of(plan, "verdict")
    _, colour = VERDICTS.get(verdict, ("", YELLOW))
    shown: list[Line] = [(f"{verdict} {text_of(plan, 'action')} of {job}", colour)]
    if why := _why(plan):
        shown.append((f"reason: {why}", None))
    shown += [(f"{name}: {text}", None) for name, text in _facts(plan, now) if name in ("stops", "state")]
    shown += [(f"GONE: {one}", BOLD_RED) for one in _cut(_gone(plan))]
    shown += [(f"warning: {text}", YELLOW) for text in _cut(_texts(plan, "warnings"))]
    shown += [(f"{name}: {text}", None) for name, text in _facts(plan, now) if name not in ("stops", "state")]
    changes = _objects(plan, "spec")
    shown += _section("changes", _cut([_change(one) for one in changes]), str(len(changes)))
    shown += _section("operators", _operators(plan), _counted(plan))
    steps = [_step(one) for one in _objects(plan, "steps")]
    shown += _section("steps", steps, str(len(steps)))
    return [*shown, (f"plan: {text_of(plan, 'id')}", None)]


def markdown(plan: Json, job: str) -> str:
    """Write a plan as a comment: a heading, a table, and the rest folded."""
    verdict = text_of(plan, "verdict")
    verdict, _ = VERDICTS.get(verdict, (verdict, None))
    parts = [f"### {text_of(plan, 'action')} of `{job}`: {escaped(verdict)}"]
    if why := _why(plan):
        parts.append(f"**{escaped(why)}**")
    facts = list(_facts(plan, None))
    if facts:
        rows = [f"| {name} | {escaped(text)} |" for name, text in facts]
        parts.append("\n".join(["| | |", "|---|---|", *rows]))
    if gone := _gone(plan):
        parts.append("\n".join(["**State that is dropped:**", "", *(f"- **{escaped(one)}**" for one in _cut(gone))]))
    if warnings := _texts(plan, "warnings"):
        parts.append("\n".join(["**Warnings:**", "", *(f"- {escaped(one)}" for one in _cut(warnings))]))
    if spec := _objects(plan, "spec"):
        rows = [
            f"| {code(text_of(one, 'field'))} | {_cell(one, 'before')} | {_cell(one, 'after')} |"
            for one in spec[:MOST_SHOWN]
        ]
        more = [f"\n{len(spec) - MOST_SHOWN} more are not shown."] if len(spec) > MOST_SHOWN else []
        table = ["| field | before | after |", "|---|---|---|", *rows, *more]
        parts.append(_folded(f"{_many(len(spec), 'change')} of jar and spec", table))
    if counted := _counted(plan):
        parts.append(_folded(f"Operators: {counted}", [f"- {escaped(one)}" for one in _operators(plan)]))
    if steps := _objects(plan, "steps"):
        listed = [f"{number}. {escaped(_step(one))}" for number, one in enumerate(steps, 1)]
        parts.append(_folded(_many(len(steps), "step"), listed))
    parts.append(f"Plan `{plain(text_of(plan, 'id'))}`")
    return "\n\n".join(parts) + "\n"


# ----------------------------------------------------------------------------------------------- what a plan says


def verdict_of(plan: Json, job: str) -> str:
    """Return a line for an error: what the verdict is, and why; the code is apart."""
    return ": ".join(filter(None, [job, text_of(plan, "verdict"), text_of(plan, "reason")]))


def _why(plan: Json) -> str:
    """Return why it has its verdict, where it says so."""
    code_of = text_of(plan, "code")
    return " ".join(filter(None, [text_of(plan, "reason"), f"({code_of})" if code_of else ""]))


def _facts(plan: Json, now: datetime | None) -> Iterator[tuple[str, str]]:
    """Yield names and texts of what is there; ages only where somebody reads them now."""
    if stops := under(plan, "stops"):
        release = text_of(stops, "releaseId")[:SHORT_ID]
        run = ", ".join(filter(None, [text_of(stops, "flinkJobId"), text_of(stops, "status")]))
        yield "stops", f"run {run}" + (f", release {release}" if release else "")
    if state := under(plan, "state"):
        yield "state", _state(state, now)
    if wanted := under(plan, "release"):
        size = shown_size(wanted.get("sizeBytes"))
        named = [text_of(wanted, "jarName"), size, f"id {text_of(wanted, 'id')[:SHORT_ID]}"]
        yield "release", ", ".join(filter(None, named))
    if slots := under(plan, "slots"):
        free = text_of(slots, "free")
        yield "slots", f"{text_of(slots, 'needed')} needed" + (f", {free} free" if free else "")
    if downtime := text_of(plan, "expectedDowntimeSeconds"):
        yield "expected downtime", f"{downtime} s, the median of the last updates"
    back = plan.get("rollback")
    if words := text_of(back, "about") if isinstance(back, dict) else text_of(plan, "rollback"):
        yield "a rollback", words


def _state(state: Json, now: datetime | None) -> str:
    path, kind = text_of(state, "path"), text_of(state, "kind")
    taken = shown_time(state.get("takenAt"))
    about = ", ".join(filter(None, [taken and f"taken {taken}{_age(taken, now)}", shown_size(state.get("sizeBytes"))]))
    if kind == "stop":
        return f"a savepoint of the stop, below {path}" + (f"; the newest existing one: {about}" if about else "")
    return f"{kind or 'state'} {path}" + (f", {about}" if about else "")


def _age(taken: str, now: datetime | None) -> str:
    if now is None:
        return ""
    try:
        seconds = (now - datetime.fromisoformat(taken)).total_seconds()
    except (ValueError, TypeError):
        return ""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f" ({seconds // length:.0f} {unit} ago)"
    return f" ({max(seconds, 0):.0f} s ago)"


def _gone(plan: Json) -> list[str]:
    return [
        f"the operator {_named(one)}, {shown_size(one.get('stateBytes')) or 'an unknown size'} of state"
        if one.get("stateBytes") != 0
        else f"the operator {_named(one)}, which has no state"
        for one in _objects(under(plan, "operators"), "gone")
    ]


def _named(operator: Json) -> str:
    return " ".join(filter(None, [text_of(operator, "name"), text_of(operator, "id")]))


def _counted(plan: Json) -> str:
    found = under(plan, "operators")
    known = [f"{len(found[name])} {name}" for name in ("kept", "new", "gone") if isinstance(found.get(name), list)]
    without = len(_texts(found, "withoutUid"))
    return ", ".join([*known, *([f"{without} without a uid"] if without else [])])


def _operators(plan: Json) -> list[str]:
    found = under(plan, "operators")
    lines = [f"new: {one}, which starts empty" for one in _texts(found, "new")]
    lines = _cut(lines) + _cut([f"without a uid: {one}" for one in _texts(found, "withoutUid")])
    most = text_of(found, "maxParallelism")
    return [*lines, *([f"the state goes with a parallelism of at most {most}"] if most else [])]


def _change(one: Json) -> str:
    field = text_of(one, "field")
    if "before" not in one:
        return f"+ {field}: {_value(one, 'after')}"
    if "after" not in one:
        return f"- {field}: {_value(one, 'before')}"
    before, after = _value(one, "before"), _value(one, "after")
    if before == after:  # what may be a password is starred on both sides
        return f"~ {field}: changes, and is not shown"
    return f"~ {field}: {before} -> {after}"


def _value(one: Json, name: str) -> str:
    value = one.get(name)
    text = " ".join(map(str, value)) if isinstance(value, list) else text_of(one, name)
    text = text[:SHORT_ID] if one.get("field") == "sha256" else text
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _step(one: Json) -> str:
    return " ".join(filter(None, [text_of(one, "step"), text_of(one, "detail")]))


def _objects(value: Json, name: str) -> list[Json]:
    return [one for one in value.get(name) or [] if isinstance(one, dict)]


def _texts(value: Json, name: str) -> list[str]:
    return [str(one) for one in value.get(name) or []]


def _cut(texts: Sequence[str]) -> list[str]:
    more = len(texts) - MOST_SHOWN
    return [*texts[:MOST_SHOWN], *([f"… and {more} more"] if more > 0 else [])]


def _many(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _section(name: str, texts: Sequence[str], title: str) -> list[Line]:
    return (
        [(f"{name}: {title}", None), *((f"  {one}", None) for one in texts)] if texts or title not in ("", "0") else []
    )


# ---------------------------------------------------------------------------------------------------------- Markdown


def escaped(text: str) -> str:
    """Return a text in which nothing is markup, an HTML tag, or a call for a person or a team."""
    safe = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub(r"\\\1", safe).replace("@", "@&#8203;")


def code(text: str) -> str:
    """Return a text as code that may stand in a table: the fence is longer than every run of backticks in it."""
    safe = plain(text).replace("|", "\\|")
    fence = "`" * (1 + max(map(len, re.findall("`+", safe)), default=0))
    pad = " " if safe.startswith("`") or safe.endswith("`") else ""
    return f"{fence}{pad}{safe}{pad}{fence}" if safe else ""


def _cell(one: Json, name: str) -> str:
    if name not in one:
        return ""
    if name == "after" and "before" in one and _value(one, "before") == _value(one, "after"):
        return "changes, and is not shown"
    return code(_value(one, name))


def _folded(title: str, lines: Sequence[str]) -> str:
    body = "\n".join(lines)
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"
