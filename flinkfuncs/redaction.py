"""Which parts of a user's own words are starred before anyone is shown them.

Of arguments and configuration, what is known to be harmless is shown, and nothing else:

    given                                       shown
    ------------------------------------------  ------------------------------------------
    --topic orders --db-pass hunter2 --n 3      --topic orders --db-pass ****** --n 3
    --out=abfs://c@a/x --conn 'S=x; Pwd=y'      --out=abfs://c@a/x --conn ******
    jdbc:x://me:hunter2@host/db hunter2         ****** ******
    state.backend.type: rocksdb                 state.backend.type: rocksdb
    kafka.pass: abc, dd.retries: 3              kafka.pass: ******, dd.retries: 3

    in a text of any kind (logs, spans)         shown
    ------------------------------------------  ------------------------------------------
    … AccountKey=abc;… or ?sig=abc or token=abc … AccountKey=******;… or ?sig=****** or token=******
    --db.password hunter2                       --db.password ******
    Authorization: Bearer abc; eyJhbGciOi…      Authorization: Bearer ******; ******
    a secret that this process was given        ******

Harmless is the value of an option whose name ends in one of `HARMLESS_NAMES`, the value of a key that begins with one
of `HARMLESS_KEYS` (Flink's own), and what can hardly be a secret: a number, a truth value, a time, a size. A list of
what is secret was tried first: every library names its secrets in its own way (`kafka.pass`, `dd.api_key`, `--conn`),
and what the list lacked was shown to everyone. In a text of any kind, the words that name a secret are looked for
(those of Flink's GlobalConfiguration.SENSITIVE_KEYS, and more): nobody could read a log that shows only what is known.

What is starred may be long, and anybody may have chosen it: a jar that throws its arguments back decides what Flink
says. The rule that must never break: no pattern takes longer than in proportion to what it is given, and a text is cut
before any pattern sees it. Arguments and configuration are never cut, since people look up there what a job was given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

STARS = "******"  # as Flink's log and web pages write it
LONGEST_TEXT = 16 * 1024  # characters of a text that patterns look at
LONGEST_SECRET = 2048  # characters; a longer one may not be recognized where a text is cut inside it

_SECRET = re.compile(
    "passw|secret|passphrase|fs.azure.account.key|fs.azure.sas|api[._-]?key|auth-params|service-key|token|basic-auth"
    "|jaas.config|http-headers|account[._-]?key|access[._-]?key|private[._-]?key|connection[._-]?string|credential|pwd"
    r"|signature|(?:^|[._-])(?:pass|sas|pin|key)(?:$|[\s=:\"'])",
    re.IGNORECASE,
)
_WORD = r"[\w.-]"  # what the name of a secret is made of
_AT_A_NAME = rf"(?={_WORD}*?(?:{_SECRET.pattern}))"

# `re` holds the interpreter until a search is over, and with it every other invocation and the renewal of every lease.
# So each pattern begins at the start of a name, not at each of its characters, and gives back nothing it took (`++`).
# That matters most for what is not cut: arguments and configuration may fill a body (256 KiB) or a job.json (64 KiB).
_PLAIN_NAME = re.compile(rf"{_WORD}++")
_NAME_OF_A_VALUE = re.compile(r"-{0,2}[A-Za-z][\w.-]*")
_WORDS = re.compile(r"""(?:"[^"]*+"|'[^']*+'|[^\s"']++|["'])++""")
_WITHOUT_SPACE = re.compile(r"\S++")
_USER = re.compile(r"://[^/\s:@]*+:")
_PAIR = re.compile(rf"([?&;](?:sig|{_AT_A_NAME}{_WORD}++)=)[^&;\s\"']++", re.IGNORECASE)
_TOKEN = re.compile(r"(?<![\w-])(?=[\w-]++\.[\w-])([\w-]*?)\beyJ[\w-]{8,}+\.[\w-]++(?:\.[\w-]*+)?")
_BEARER = re.compile(
    r"(\bBearer|\bAuthorization[\"']?\s*+[:=]\s*+[\"']?(?:Basic|SharedKey))\s++[\w.~+/:=-]{8,}+", re.IGNORECASE
)
_NAMED = re.compile(
    rf"(?<!{_WORD})((?:(?<=[?&])(?=code|sig)|(?={_WORD}*?(?:{_SECRET.pattern}|x-functions-key)))"
    rf"{_WORD}++[\"']?\s?[=:]\s?[\"']?)(?!AADSTS|\*)[^\s&;,\"'}}]++",
    re.IGNORECASE,
)
_OPTION = re.compile(
    rf"(?<!{_WORD})((?=[\w.]*+-{_WORD}*?(?:{_SECRET.pattern})){_WORD}++\s++)(?!-)[^\s\"',]++", re.IGNORECASE
)
_OF_A_CONNECTION = re.compile(
    r"(?:AccountKey|SharedAccessSignature|SharedAccessKey)=([^;]+)|[?&]sig=([^&;]+)", re.IGNORECASE
)

SHORTEST_KNOWN = 6  # characters; a shorter secret would star half of every text
_known: set[str] = set()


_NAMES = """
backend batch bootstrap broker brokers bucket catalog charset checkpoint checkpoints class codec compression container
count database date day days debug delay delimiter dir directory enabled encoding end env environment file files format
from group host hostname hosts hour hours in input inputs interval job kind lag level limit main max min minute minutes
mode ms n name namespace number offset offsets out output outputs parallelism partition partitions path paths port ports
prefix queue rate region replicas retention savepoint savepoints schema second seconds separator server servers since
sink size slots source start state strategy stream suffix table tables threshold timeout timezone to topic topics ttl
type until verbose version watermark window zone
"""
HARMLESS_NAMES = frozenset(_NAMES.split()) | {"client id", "cluster id", "consumer id", "group id", "job id"}
_KEYS = """
akka. blob. classloader. client. cluster. execution. flinkfuncs. heartbeat. high-availability. history. io. jobmanager.
jobstore. network. parallelism. pekko. pipeline. process. python. queryable-state. resourcemanager. rest.
restart-strategy savepoint.directory slot. slotmanager. state. table. task. taskmanager. web. zookeeper.
"""
HARMLESS_KEYS = tuple(_KEYS.split())
_ANYBODYS_KEYS = ("pipeline.global-job-parameters", "env.java.opts")
_HARMLESS_VALUE = re.compile(
    r"[+-]?\d{1,12}(?:\.\d{1,12})?\s?(?:[mµn]?s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|[kmgt]?i?b?|bytes|%)"
    "|true|false|yes|no|on|off|none|null"
    r"|\d{4}-\d\d-\d\d(?:[T ][\d:.+Z-]{1,24})?|P(?:\d+[DWMY])*(?:T(?:[\d.]+[HMS])+)?",
    re.IGNORECASE,
)
_OPTION_NAME = re.compile(r"--?[A-Za-z][\w.-]{0,80}")
_PARTS_OF_A_NAME = re.compile(r"[A-Za-z][a-z]*|[A-Z]+(?![a-z])")
_WORD_OR_PATH = re.compile(r"[A-Za-z]*|\d*|[\w.-]*(?:/[\w.-]*)+")
LONGEST_NAME = 128  # characters; what is longer names nothing


def redacted_configuration(configuration: Mapping[str, str]) -> dict[str, str]:
    """Star every value but those of Flink's own keys, and secrets inside these."""
    return {key: _redacted_setting(key, value) for key, value in configuration.items()}


def _redacted_setting(key: str, value: str) -> str:
    if key.startswith(_ANYBODYS_KEYS):
        return redacted_args(value)
    return _shown_value(value, harmless=key.startswith(HARMLESS_KEYS), secret=bool(_SECRET.search(key)))


def redacted_args(args: str) -> str:
    """Star arguments that stand in one text, as an older version of this app recorded them, or Flink's own options."""
    return " ".join(redacted_arguments(_WORDS.findall(args)))


def redacted_arguments(words: Iterable[str]) -> list[str]:
    """Star every argument but those that are known to be harmless; the names of options are shown."""
    return [before + shown for before, _, shown, _ in _judged(words)]


def keep_secrets_of_job(words: Iterable[str], configuration: Mapping[str, str]) -> None:
    """Remember what is surely a secret of a job, since its main() may throw it back, to star it in every text."""
    for _, value, shown, secret in _judged(words):
        if shown != value and (secret or _looks_secret(value)):
            keep_secret(value)
    for key, value in configuration.items():
        if _SECRET.search(key):
            keep_secret(value)


def _judged(words: Iterable[str]) -> Iterator[tuple[str, str, str, bool]]:
    """Yield what stands before a value, the value, how it is shown, and whether its name says that it is a secret."""
    name = ""
    for word in words:
        if name and (_is_secret(name) or not _is_option(word)) and not (_is_option(word) and _is_harmless(word)):
            yield "", word, _value_of(name, word), _is_secret(name)
            name = ""
            continue
        before, equals, value = word.partition("=")
        if equals and len(before) <= LONGEST_NAME and _NAME_OF_A_VALUE.fullmatch(before):
            yield f"{before}=", value, _value_of(before, value), _is_secret(before)
            name = ""
        elif _is_option(word):
            yield "", word, word, False
            name = word
        else:
            yield "", word, _value_of("", word), False
            name = ""


def _looks_secret(value: str) -> bool:
    """Whether a value is neither a word nor a place, which may well stand in a text that says something else."""
    return bool(_SECRET.search(value)) or ("://" not in value and not _WORD_OR_PATH.fullmatch(value))


def _is_option(word: str) -> bool:
    return bool(_OPTION_NAME.fullmatch(word))


def _is_secret(name: str) -> bool:
    return bool(_SECRET.search(name))


def _is_harmless(name: str) -> bool:
    parts = _PARTS_OF_A_NAME.findall(name)
    ends = {part.lower() for part in parts[-1:]} | {" ".join(parts[-2:]).lower()}
    return bool(ends & HARMLESS_NAMES) and not _is_secret(name)


def _value_of(name: str, value: str) -> str:
    return _shown_value(value, harmless=_is_harmless(name), secret=_is_secret(name))


def _shown_value(value: str, *, harmless: bool, secret: bool) -> str:
    if not value:
        return value
    if secret or _SECRET.search(value) or _with_user_info_starred(value) != value:
        return STARS
    if harmless:
        return _PAIR.sub(rf"\1{STARS}", value)
    return value if _HARMLESS_VALUE.fullmatch(value) else STARS


def keep_secret(value: str) -> None:
    """Remember a secret that this process was given, to star it in every text that is shown."""
    if len(value) >= SHORTEST_KNOWN:
        _known.add(value)


def keep_secrets_of(environment: Mapping[str, str]) -> None:
    """Remember the secrets among the settings: what is called like one, and the keys in connection strings."""
    for name, value in environment.items():
        for secret in _secrets_in(name, value):
            keep_secret(secret)


def redacted_text(text: str) -> str:
    """Star what may be a secret in a text that is not known to be harmless; a long text is cut, and says so.

    A secret that the cut goes through is not recognized. It reaches to the cut, so what stands there is left out, too.
    """
    if len(text) <= LONGEST_TEXT:
        return _starred(text)
    return f"{_starred(text[:LONGEST_TEXT])[:-LONGEST_SECRET]}… ({len(text)} characters)"


def _starred(text: str) -> str:
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, STARS)
    text = _BEARER.sub(rf"\1 {STARS}", _TOKEN.sub(rf"\1{STARS}", _with_user_info_starred(text)))
    return _OPTION.sub(rf"\1{STARS}", _NAMED.sub(rf"\1{STARS}", text))


def _with_user_info_starred(text: str) -> str:
    """Star what stands between `://user:` and the last `@` of the same word: a password may hold any letter."""
    return _WITHOUT_SPACE.sub(_without_user_info, text) if "://" in text and "@" in text else text


def _without_user_info(word: re.Match[str]) -> str:
    text = word[0]
    at, user = text.rfind("@"), _USER.search(text)
    return f"{text[: user.end()]}{STARS}{text[at:]}" if user and user.end() < at else text


def _secrets_in(name: str, value: str) -> Iterator[str]:
    if name in ("IDENTITY_HEADER", "MSI_SECRET", "OTEL_EXPORTER_OTLP_HEADERS"):
        yield value.partition("=")[2] or value
    for found in _OF_A_CONNECTION.findall(value):
        yield from filter(None, found)
