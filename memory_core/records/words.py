"""The words a record may use: kinds, origins, trust, states."""

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["note", "turn", "doc", "code", "summary"]
Origin: TypeAlias = Literal["user", "assistant", "tool", "web", "import"]
Trust: TypeAlias = Literal["verified", "normal", "untrusted"]
State: TypeAlias = Literal["active", "compressed", "archived", "deleted", "purged"]
#: What a text does to an older one: says the same, takes its place for all its words tell, or may.
Relation: TypeAlias = Literal["repeats", "supersedes", "may_supersede"]
ForgetMode: TypeAlias = Literal["archive", "restore", "delete", "purge"]
KINDS: tuple[str, ...] = get_args(Kind)
ORIGINS: tuple[str, ...] = get_args(Origin)
FORGET_MODES: tuple[str, ...] = get_args(ForgetMode)
#: What a review can be about, and the strategies of `compress`.
FOCUSES = ("budget", "stale", "duplicates", "superseded", "facts")
STRATEGIES = ("aggressive", "balanced", "conservative")

#: Kind of a hit that is a fact; no item has it.
FACT = "fact"

#: Bits of `Item.traits`: the text ends in a question; it says when; it says how many; it says how
#: something is to be done from now on; it says that something never happened.
ASKS, TIMED, COUNTED, PREFERS, DENIES = 1, 2, 4, 8, 16

#: From least to most trusted.
TRUST_ORDER: tuple[Trust, ...] = ("untrusted", "normal", "verified")

#: What a text is trusted as when nothing else is known: a person's or the model's own words are
#: normal, everything that came from outside is not.
TRUST_OF_ORIGIN: Mapping[str, Trust] = {
    "user": "normal",
    "assistant": "normal",
    "tool": "untrusted",
    "web": "untrusted",
    "import": "untrusted",
    "promoted": "normal",  # a fact: what came from outside cannot be promoted to one
}
