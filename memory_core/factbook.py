"""Facts of one scope: statements with history, read as of a time."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .draft import moment, one_of, short
from .errors import Conflict, InvalidArgument
from .intake import Intake
from .lifecycle.timelines import merge
from .lifecycle.validity import (
    after,
    assert_fact,
    contradicts_from_outside,
    known,
    still_to_end,
    valid,
)
from .records import ORIGINS, Fact, FactChange, ForgetMode, Forgotten, State
from .storage.contract import Store
from .storage.ids import tag_of
from .text.identity import clean
from .text.times import parse_span

MAX_VALUE = 65_536
#: Source of a fact that was taken from a memory.
PROMOTED = "promoted"


class FactBook:
    """Writes statements and answers what is, was, or was thought to be true."""

    def __init__(self, store: Store, clock: Callable[[], float], intake: Intake) -> None:
        self._store = store
        self._clock = clock
        self._intake = intake

    def set(
        self,
        key: str,
        value: Any,
        *,
        confidence: float,
        source: str,
        valid_from: str | float | None,
    ) -> FactChange:
        """State that a key has a value from a time on; see `Memory.set_fact`."""
        key = fact_key(key)
        plain = _plain(value)
        if not 0 <= confidence <= 1:
            raise InvalidArgument(f"confidence is {confidence}, expected 0 to 1.")
        one_of("source", source, ORIGINS)
        since = moment(valid_from)
        draft = Fact(key, plain, confidence, source, since or 0.0, None, 0.0)
        passed = self._intake.fact(draft)
        key, plain = fact_key(passed.key), passed.value
        notes = ["" if passed == draft else "Stored with what it must not hold redacted."]
        change = self._assert(replace(passed, key=key), since)
        if change.status == "stored":
            notes.append(self._spelt_otherwise(key))
        return replace(change, note=" ".join(filter(None, notes)))

    def _spelt_otherwise(self, key: str) -> str:
        """A note on keys that differ from a new one only in what joins their words.

        Nothing is taken for the same by itself: ``a.b`` may be another thing than ``a_b``.
        """
        words = key_words(key)
        keys = self._store.fact_keys([max(words, key=len)]) if words else []
        near = (other for other in keys if len(other) == len(key) and other != key)
        alike = [other for other in near if key_words(other) == words]
        if not alike:
            return ""
        return (
            f"There is also {', '.join(alike[:3])}, another key by its spelling: if it is the same "
            f"fact, set that one and forget {key}."
        )

    def promote(self, item: str, key: str, value: Any) -> FactChange:
        """State what an item says as a fact that is linked to it and erased with it.

        Raises:
            InvalidArgument: key or value is not accepted.
            Withheld: it must not be recorded.
        """
        draft = Fact(fact_key(key), _plain(value), 1.0, PROMOTED, 0.0, None, 0.0, item=item)
        passed = self._intake.fact(draft)
        return self._assert(replace(passed, key=fact_key(passed.key)), None)

    def set_all(self, facts: Sequence[Mapping[str, Any]]) -> list[FactChange]:
        """See `Memory.set_facts`."""
        with self._store.atomic():
            return [self._set_one(number, fact) for number, fact in enumerate(facts)]

    def _set_one(self, number: int, fact: Mapping[str, Any]) -> FactChange:
        given: dict[str, Any] = {"confidence": 1.0, "source": "assistant", "valid_from": None}
        given |= fact
        known = {"key", "value", "confidence", "source", "valid_from"}
        if missing := {"key", "value"} - set(given):
            raise InvalidArgument(f"Fact {number} has no {' and no '.join(sorted(missing))}.")
        if unknown := sorted(set(given) - known):
            raise InvalidArgument(
                f"Fact {number} has {', '.join(map(repr, unknown))}; expected only "
                f"{', '.join(sorted(known))}."
            )
        key, value = given.pop("key"), given.pop("value")
        return self.set(key, value, **given)

    def merge(self, theirs: Sequence[Fact]) -> int:
        """See `Memory.merge_facts`."""
        by_key: dict[str, list[Fact]] = {}
        for fact in theirs:
            passed = self._intake.fact(fact)
            by_key.setdefault(passed.key, []).append(passed)
        added = 0
        with self._store.atomic():
            now = self._clock()
            for key, statements in by_key.items():
                change = merge(self._store.facts([key]), statements, now)
                for fact in change.retire:
                    self._store.retire_fact(fact.row, max(now, fact.recorded_at))
                for fact in change.add:
                    self._store.add_fact(replace(fact, id="", row=0))
                added += len(change.add)
        return added

    def assert_again(self, fact: Fact) -> FactChange:
        """State a fact that a person has let through, from its own time on."""
        return self._assert(fact, fact.valid_from or None, by_person=True)

    def _assert(self, said: Fact, since: float | None, *, by_person: bool = False) -> FactChange:
        with self._store.atomic():
            now = self._clock()
            timeline = known(self._store.facts([said.key]), None)
            start = after(timeline, now) if since is None else since
            said = Fact(
                said.key, said.value, said.confidence, said.source, start, None,
                max(now, _last(timeline)), item=said.item,
            )  # fmt: skip
            step = assert_fact(timeline, said)
            if not by_person and contradicts_from_outside(step, said):
                raise Conflict(
                    f"{said.key} has another value, and a word from outside (source "
                    f"{said.source!r}) does not end it. Nothing was changed. Ask the user, then "
                    "state it with source 'user'."
                )
            for old in step.retire:
                self._store.retire_fact(old.row, said.recorded_at)
            added = [self._store.add_fact(fact) for fact in step.add]
        return FactChange(added[0] if added else step.fact, step.previous, step.status)

    def get(
        self,
        keys: Sequence[str] = (),
        *,
        history: bool = False,
        as_of: str | float | None = None,
        known_at: str | float | None = None,
    ) -> list[Fact]:
        """Statements by key and time; see `Memory.get_facts`."""
        wanted = [clean(key).strip().casefold() for key in keys if key.strip()]
        then = _last_moment(known_at)
        believed = known(self._store.facts(wanted), then)
        if history:
            return believed
        at = _last_moment(as_of)
        return valid(believed, at if at is not None else then if then is not None else self._now())

    def knows(self, ref: str) -> bool:
        """Whether a key has statements, or an id is that of one."""
        return bool(self.key_of(ref))

    def forget(self, ref: str, mode: ForgetMode) -> Forgotten:
        """End a fact (archive), or erase every statement of its key (delete, purge).

        Archived, a key loses what is true now and what was to come; the id of a statement ends that
        one alone, and one that had ended already changes nothing.

        Args:
            ref: its key, or the id of one of its statements.

        Raises:
            Conflict: ``restore``: say the fact again instead.
        """
        key = self.key_of(ref)
        if mode == "restore":
            raise Conflict(f"{key} is a fact: call set_fact to state it again.")
        with self._store.atomic():
            said = self._store.facts([key])
            if mode == "archive":
                return Forgotten(key, "archived", fact=True, note=self._end(said, ref))
            for fact in said:
                self._store.erase_fact(fact.row)
        state: State = "deleted" if mode == "delete" else "purged"
        note = "erased with its whole history, every statement of this key, without undo."
        return Forgotten(key, state, erasure="pending", fact=True, note=note)

    def _end(self, said: Sequence[Fact], ref: str) -> str:
        """End what stands of a key, or the one statement that is named; returns what to say."""
        now = self._clock()
        standing = still_to_end(known(said, None), now)
        note = ""
        if named := next((fact for fact in said if fact.id == clean(ref).strip().casefold()), None):
            # Restated, a statement has another id.
            same = (named.valid_from, named.value_text)
            standing = [fact for fact in standing if (fact.valid_from, fact.value_text) == same]
            if not standing:
                return f"{named.id} was no longer true already; nothing was changed."
            if named.valid_from > now:
                note = f"{named.id} will not become true; what is true now stays."
        for fact in standing:
            self._store.retire_fact(fact.row, now)
            ended = replace(fact, valid_to=max(now, fact.valid_from), recorded_at=now)
            self._store.add_fact(replace(ended, id="", row=0))
        return note

    def key_of(self, ref: str) -> str:
        """The key that a key, or the id of a statement, names; "" for none."""
        key = clean(ref).strip().casefold()
        if key and "*" not in key and self._store.facts([key]):
            return key
        return next((f.key for f in self._store.facts() if f.id == key), "") if tag_of(ref) else ""

    def _now(self) -> float:
        # A statement made at this very instant may begin a moment later (see `after`).
        return self._clock() + 1.0


def key_words(key: str) -> list[str]:
    """The words of a key, whatever joins them: ``user.city`` and ``user city`` have the same."""
    return [word for word in re.split(r"[\W_]+", key.casefold()) if word]


def fact_key(key: str) -> str:
    """A fact's key as it is stored: one line, case folded, no wildcard."""
    name = short("key", key).casefold()
    if not name or "*" in name:
        raise InvalidArgument(f"key is {key!r}, expected a name such as user.city (no *).")
    return name


def _plain(value: Any) -> Any:
    try:
        said = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"value must be JSON: {error}.") from error
    if len(said) > MAX_VALUE:
        raise InvalidArgument(
            f"value has {len(said):,} bytes, at most {MAX_VALUE:,}: use remember for long texts."
        )
    return json.loads(said)


def _last(timeline: Sequence[Fact]) -> float:
    """Recording times never run backwards, even when a clock does."""
    return max((fact.recorded_at for fact in timeline), default=0.0)


def _last_moment(said: str | float | None) -> float | None:
    """A day or month asked about is asked about at its end; a moment is itself."""
    if said is None or isinstance(said, float | int):
        return None if said is None else float(said)
    if not said.strip():
        return None
    start, end = parse_span(said)
    return start if end - start <= 1.0 else end - 1e-3
