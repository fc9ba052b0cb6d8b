"""Every tunable, in one table: name, default, unit and why.

Each field has an environment twin (``ROUTEMEM_`` and the name in capitals) and, where the server
takes it, a command-line flag; the README's table is made from here and a test compares them.
"""

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from .errors import InvalidArgument

ENV_PREFIX = "ROUTEMEM_"


def _setting(
    default: Any,
    why: str,
    *,
    unit: str = "",
    flag: bool = False,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    return field(
        default=default,
        metadata={
            "why": why, "unit": unit, "flag": flag, "limits": (least, most), "choices": choices,
        },
    )  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """All settings of a process. Order of precedence: argument, environment, default."""

    data_dir: str = _setting(
        "", "folder of the scope files; empty: the platform's user data folder", flag=True
    )
    scope: str = _setting("global", "scope of calls that name none", flag=True)
    allow_scope: tuple[str, ...] = _setting(
        (),
        "scopes a model may name (a trailing * matches any ending, in quotes); empty: all",
        flag=True,
    )
    chain: tuple[str, ...] = _setting(
        (),
        "scopes read by calls that name none, nearest first (session:x,user:y,global)",
        flag=True,
    )
    toolsets: tuple[str, ...] = _setting(
        ("default",),
        "groups of tools to offer, over REST too, which has all unless told; `all` for every one",
        flag=True,
    )
    tools: tuple[str, ...] = _setting((), "single tools to offer, instead of groups", flag=True)
    exclude_tools: tuple[str, ...] = _setting((), "tools to leave out; wins", flag=True)
    read_only: bool = _setting(False, "offer only tools that change nothing", flag=True)
    embedder: str = _setting(
        "bundled",
        "`bundled`, a model folder, a sentence-transformers name, `hf:<model>`, `hash` or `none`",
        flag=True,
    )
    summariser: str = _setting(
        "caller",
        "who shortens what comes without a summary: `caller` and `extractive` take sentences of "
        "the text, `local-hf:<model>` asks a model on this machine (extra `[hf]`)",
        flag=True,
    )
    log_level: str = _setting("WARNING", "least severe message on stderr", flag=True)
    now: str = _setting("", "fixed time of asking (ISO), for evaluation; empty: the clock")
    key_dir: str = _setting(
        "", "folder of the key that seals deleted texts; empty: the platform's config folder"
    )
    keyring: bool = _setting(True, "keep that key in the system's keyring where there is one")
    token_counter: str = _setting(
        "auto", "`auto` (exact when tiktoken's vocabulary is on disk), `estimate` or `tiktoken`"
    )
    model: str = _setting(
        "", "language model that reads the memory; sets how much a context may hold", flag=True
    )
    models_file: str = _setting(
        "", "JSON file with models of your own: context, prices, thresholds; laid over the table"
    )
    screening: str = _setting(
        "hold",
        "what happens to secrets, hidden text and orders from outside: `hold` (in quarantine), "
        "`redact` or `off`",
        flag=True,
        choices=("hold", "redact", "off"),
    )
    untrusted_last: bool = _setting(True, "show what comes from outside after all other hits")
    write_deadline: float = _setting(
        10.0, "longest wait for another writer", unit="s", least=0.1, most=600
    )
    max_content: int = _setting(
        1 << 20, "largest text of one memory", unit="bytes", least=1000, most=1 << 28
    )
    recall_top_k: int = _setting(8, "hits of a recall that asks for no number", least=1, most=50)
    recall_tokens: int = _setting(
        1500, "budget of a recall that names none", unit="tokens", least=100, most=25_000
    )
    candidates: int = _setting(
        200, "candidates that words, and vectors, bring to the ranking", least=10, most=10_000
    )
    postings: int = _setting(
        30_000, "FTS rows a question may touch; its most common words are dropped first", least=0
    )
    flat_until: int = _setting(
        14_000,
        "passages compared one by one; above it they are packed into a routing index",
        least=0,
    )
    target_recall: float = _setting(
        0.99,
        "share of the 10 nearest passages that the routing index is calibrated to find",
        least=0.5,
        most=1,
    )
    chunk_pieces: int = _setting(
        220,
        "word pieces of a chunk; leaves room for date and speaker under the model's 256",
        least=8,
        most=250,
    )
    chunk_overlap: int = _setting(
        32, "word pieces two neighbouring chunks share", least=0, most=125
    )
    embed_at_once: int = _setting(
        8,
        "chunks embedded before `remember` answers; the rest follows in the background",
        least=0,
        most=1000,
    )
    undo_days: float = _setting(
        7.0, "how long a deleted memory can be restored", unit="days", least=0, most=3650
    )
    session_hours: float = _setting(
        24.0,
        "a session: scope is emptied so long after its last write, with undo; 0: never",
        unit="h",
        least=0,
        most=87_600,
    )
    flush_seconds: float = _setting(
        60.0, "longest wait of access counts in memory", unit="s", least=0.01, most=3600
    )
    recent_max_tokens: int = _setting(
        3000, "the turns a context always shows: above it some leave", unit="tokens", least=0
    )
    recent_target_tokens: int = _setting(
        2000, "down to which they then leave", unit="tokens", least=0
    )
    recent_warning_tokens: int = _setting(
        2500, "above it `log_turn` says so", unit="tokens", least=0
    )
    recent_max_entries: int = _setting(50, "most turns a context always shows", least=1, most=500)
    recent_min_entries: int = _setting(5, "as many stay, whatever the other limits say", least=0)
    recent_max_age: float = _setting(
        120.0, "age at which a turn is no longer recent", unit="min", least=0
    )
    recent_compress_threshold: float = _setting(
        0.8, "part of the tokens above which long turns are shown shortened", least=0, most=1
    )
    recent_short: int = _setting(
        200, "length above which a turn counts as long", unit="characters", least=1
    )
    recent_merge_likeness: float = _setting(
        0.85, "of two turns as alike as this that say the same, the older leaves", least=0, most=1
    )
    recent_manage_every: int = _setting(
        5, "exchanges between two looks at age, score and repetition", least=1
    )
    recent_half_life: float = _setting(
        60.0, "in which an unread turn loses half of its score; 0: it loses nothing",
        unit="min", least=0,
    )  # fmt: skip
    recent_access_boost: float = _setting(
        0.1, "weight of ln(reads + 1) in that score; 0: none", least=0, most=10
    )
    recent_least_score: float = _setting(0.3, "score below which a turn leaves", least=0, most=1)
    recent_least_importance: float = _setting(
        0.2, "a tenth of its priority below which a turn leaves", least=0, most=1
    )
    recent_keep_last: int = _setting(3, "newest turns that no score makes leave", least=0)

    compress_days: float = _setting(
        7.0, "a memory nobody read for so long is compressed; 0: never", unit="days", least=0
    )
    archive_days: float = _setting(
        30.0, "a memory nobody read for so long is archived; 0: never", unit="days", least=0
    )
    archive_days_high: float = _setting(
        90.0, "the same for priority 8 and above; 0: never", unit="days", least=0
    )
    delete_days: float = _setting(
        0.0,
        "an archived memory nobody read for so long is deleted (365 is usual); 0: never",
        unit="days",
        least=0,
    )
    compress_characters: int = _setting(
        200, "shorter texts are never compressed", unit="characters", least=1
    )
    max_compressed_items: int = _setting(
        50, "memories one run of the hygiene compresses at the most", least=0
    )
    keep_recent: int = _setting(3, "memories used last that no policy touches", least=0)
    half_life_days: float = _setting(
        30.0, "in which an unread memory loses half of its score; 0: it loses nothing",
        unit="days", least=0,
    )  # fmt: skip
    access_boost: float = _setting(
        0.1, "weight of ln(reads + 1) in that score; 0: none", least=0, most=10
    )
    hygiene_writes: int = _setting(
        10, "writes after which the hygiene runs; 0: it never runs by itself", least=0
    )
    hygiene_hours: float = _setting(1.0, "time after which it runs again", unit="h", least=0.01)
    daily_changes: int = _setting(50, "memories that may change in a day without a person", least=0)
    daily_share: float = _setting(
        0.05, "the same as a share of the scope, where that is more", least=0, most=1
    )

    backup_hours: float = _setting(
        24.0, "time between two backups of a scope in use; 0: none by itself", unit="h", least=0
    )
    backup_keep: int = _setting(7, "backups of a scope that are kept", least=1, most=1000)

    http_rate: float = _setting(
        50.0, "requests a token may send for long, over HTTP", unit="/s", least=0.01
    )
    http_burst: int = _setting(200, "requests a token may send at once, after a pause", least=1)
    http_body: int = _setting(1 << 20, "longest body of a request", unit="B", least=1024)
    http_timeout: float = _setting(
        30.0, "longest wait for a client that sends or takes nothing", unit="s", least=0.05
    )
    http_sessions: int = _setting(100, "most open sessions of each transport", least=1)
    http_share: int = _setting(50, "of those, how many one token may have", least=1)
    http_calls: int = _setting(
        4, "calls of one token that are worked on at once; others of it wait", least=1
    )
    http_waiting: int = _setting(100, "calls of one token that may wait for that", least=1)
    http_idle: float = _setting(
        1800.0, "after which a session that nobody uses is closed", unit="s", least=1
    )

    def __post_init__(self) -> None:
        for spec in fields(self):
            least, most = spec.metadata["limits"]
            value = getattr(self, spec.name)
            choices = spec.metadata["choices"]
            if choices and value not in choices:
                raise InvalidArgument(
                    f"{spec.name} ({env_name(spec.name)}) is {value!r}, expected one of: "
                    f"{', '.join(choices)}."
                )
            if (least is not None and value < least) or (most is not None and value > most):
                raise InvalidArgument(
                    f"{spec.name} ({env_name(spec.name)}) is {value}, expected at least {least}"
                    + (f" and at most {most}." if most is not None else ".")
                )

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ, /, **arguments: Any) -> "Settings":
        """Settings from arguments that are not None, then the environment, then the defaults.

        Raises:
            InvalidArgument: an environment variable cannot be read as its type.
        """
        values = {}
        for spec in fields(cls):
            given = arguments.get(spec.name)
            text = environ.get(env_name(spec.name), "")
            if given is not None:
                values[spec.name] = given
            elif text:
                values[spec.name] = _parse(spec, text)
        return cls(**values)

    def data_path(self) -> Path:
        """The data folder. Not created here."""
        if self.data_dir:
            return Path(self.data_dir).expanduser()
        import platformdirs  # imported late: only needed when no folder was named

        return Path(platformdirs.user_data_dir("routemem", appauthor=False))

    def key_path(self) -> Path:
        """The folder of the sealing key: outside the data folder, so that copying it leaks none."""
        if self.key_dir:
            return Path(self.key_dir).expanduser()
        import platformdirs  # imported late: only needed when no folder was named

        return Path(platformdirs.user_config_dir("routemem", appauthor=False))


def env_name(setting: str) -> str:
    """The environment variable of a setting: ``data_dir`` -> ``ROUTEMEM_DATA_DIR``."""
    return ENV_PREFIX + setting.upper()


def _parse(spec: "Field[Any]", text: str) -> Any:
    kind: Any = type(spec.default)
    try:
        if kind is bool:
            return {"1": True, "true": True, "yes": True, "on": True}.get(text.lower()) or {
                "0": False,
                "false": False,
                "no": False,
                "off": False,
            }[text.lower()]
        if kind is tuple:
            return tuple(part.strip() for part in text.split(",") if part.strip())
        return kind(text)
    except (KeyError, ValueError) as error:
        raise InvalidArgument(
            f"{env_name(spec.name)}={text!r}: expected {kind.__name__}, as in {spec.default!r}."
        ) from error
