"""Which parts of a user's own words are starred before anyone is shown them.

    given                                       shown
    ------------------------------------------  ------------------------------------------
    --db.password hunter2 --topic orders        --db.password ****** --topic orders
    --api-key=abc                               --api-key=******
    jdbc:x://me:hunter2@host/db?sslToken=abc    jdbc:x://me:******@host/db?sslToken=******
    s3.secret-key: abc                          s3.secret-key: ******

    in a text of any kind (logs, spans)         shown
    ------------------------------------------  ------------------------------------------
    … AccountKey=abc;… or ?sig=abc or token=abc … AccountKey=******;… or ?sig=****** or token=******
    --db.password hunter2                       --db.password ******
    Authorization: Bearer abc; eyJhbGciOi…      Authorization: Bearer ******; ******
    a secret that this process was given        ******

A key counts as secret when Flink itself would star it (GlobalConfiguration.SENSITIVE_KEYS), and for a few words more. A
word that mentions a secret in a way not known here is starred as a whole.

What is starred may be long, and anybody may have chosen it: a jar that throws its arguments back decides what Flink
says. The rule that must never break: no pattern takes longer than in proportion to what it is given, and a text is cut
before any pattern sees it. Arguments and configuration are never cut, since people look up there what a job was given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

STARS = "******"  # as Flink's log and web pages write it
LONGEST_TEXT = 16 * 1024  # characters of a text that patterns look at
LONGEST_SECRET = 2048  # characters; a longer one may not be recognized where a text is cut inside it

_SECRET = re.compile(
    "password|secret|fs.azure.account.key|apikey|api-key|auth-params|service-key|token|basic-auth|jaas.config"
    "|http-headers|account-?key|access-?key|connection-?string|credential|passwd|pwd",
    re.IGNORECASE,
)
_WORD = r"[\w.-]"  # what the name of a secret is made of
_AT_A_NAME = rf"(?={_WORD}*?(?:{_SECRET.pattern}))"

# `re` holds the interpreter until a search is over, and with it every other invocation and the renewal of every lease.
# So each pattern begins at the start of a name, not at each of its characters, and gives back nothing it took (`++`).
_PLAIN_NAME = re.compile(rf"{_WORD}++")
_WORDS = re.compile(r"""\s++|(?:"[^"]*+"|'[^']*+'|[^\s"']++|["'])++""")
_USER_INFO = re.compile(r"(://[^/\s:@]*+:)[^/\s@]++(?=@)")
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


def redacted_configuration(configuration: Mapping[str, str]) -> dict[str, str]:
    """Star the values of secret keys, and secrets inside the others."""
    return {key: STARS if _SECRET.search(key) else redacted_args(value) for key, value in configuration.items()}


def redacted_args(args: str) -> str:
    """Star what follows a secret option, and secrets inside URLs."""
    shown: list[str] = []
    value_follows = False
    for word in _WORDS.findall(args):
        if word.isspace():
            shown.append(word)
        elif value_follows and not word.startswith("-"):
            shown.append(STARS)
            value_follows = False
        else:
            text, value_follows = _redacted_word(word)
            shown.append(text)
    return "".join(shown)


def _redacted_word(word: str) -> tuple[str, bool]:
    """Return the word as it may be shown, and whether it names a secret that the next word holds."""
    name, equals, _value = word.partition("=")
    if not _SECRET.search(name):
        return _PAIR.sub(rf"\1{STARS}", _USER_INFO.sub(rf"\1{STARS}", word)), False
    if not _PLAIN_NAME.fullmatch(name):
        return STARS, False
    return (f"{name}={STARS}", False) if equals else (word, True)


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
    text = _BEARER.sub(rf"\1 {STARS}", _TOKEN.sub(rf"\1{STARS}", _USER_INFO.sub(rf"\1{STARS}", text)))
    return _OPTION.sub(rf"\1{STARS}", _NAMED.sub(rf"\1{STARS}", text))


def _secrets_in(name: str, value: str) -> Iterator[str]:
    if name in ("IDENTITY_HEADER", "MSI_SECRET", "OTEL_EXPORTER_OTLP_HEADERS"):
        yield value.partition("=")[2] or value
    for found in _OF_A_CONNECTION.findall(value):
        yield from filter(None, found)
