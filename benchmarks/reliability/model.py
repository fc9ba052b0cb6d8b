"""Two connections to one scope beside a dict: after any sequence of steps both tell the same.

A state machine of Hypothesis, which shortens a sequence that fails to the steps it needs.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from routemem.memory_core import Scopes, Settings
from routemem.memory_core.errors import Conflict, RoutememError
from routemem.memory_core.memory import Memory

from .part import Found, Watch

STEPS = 50
#: One such step in about so many builds an index, which takes a process and seconds.
BUILDS = 300
KEYS = st.sampled_from([f"k{n}" for n in range(12)])
WHO = st.integers(0, 1)
WORDS = ("harbour", "gauge", "lamp", "tide", "crane", "ferry", "mole", "buoy", "anchor", "rope")


class TwoBesideADict(RuleBasedStateMachine):
    """What is there, by key: text, or what became of it."""

    steps = builds = 0

    def __init__(self) -> None:
        super().__init__()
        self.place = TemporaryDirectory()
        self.settings = Settings(
            data_dir=f"{self.place.name}/data", key_dir=f"{self.place.name}/key", keyring=False,
            embedder="hash", flat_until=20, hygiene_writes=0,
        )  # fmt: skip
        self.time = 1_767_614_400.0
        self.open = [self.opened(), self.opened()]
        self.texts: dict[str, str] = {}
        self.archived: set[str] = set()
        self.gone: dict[str, tuple[str, str, bool]] = {}  # key -> id, text, may come back
        self.facts: dict[str, int] = {}
        self.ids: dict[str, str] = {}
        self.number = 0

    def opened(self) -> Scopes:
        return Scopes(self.settings, clock=lambda: self.time)

    def memory(self, who: int) -> Memory:
        return self.open[who].open()

    def teardown(self) -> None:
        for scopes in self.open:
            scopes.close()
        self.place.cleanup()

    @invariant()
    def a_step_was_done(self) -> None:
        TwoBesideADict.steps += 1
        self.time += 1.0

    @rule(who=WHO, key=KEYS, words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=30))
    def remember(self, who: int, key: str, words: list[str]) -> None:
        self.number += 1
        text = f"number{self.number} " + " ".join(words)
        self.ids[key] = self.memory(who).remember(text, key=key).id
        self.texts[key] = text
        self.archived.discard(key)  # what is said anew is to be found
        self.gone.pop(key, None)

    @rule(who=WHO, key=KEYS, mode=st.sampled_from(["archive", "delete", "purge"]))
    def forget(self, who: int, key: str, mode: str) -> None:
        if key not in self.texts:
            return
        assert self.memory(who).forget([self.ids[key]], mode=mode)[0].erasure in ("", "done")
        if mode == "archive":
            self.archived.add(key)
        else:
            self.gone[key] = self.ids[key], self.texts.pop(key), mode == "delete"
            self.archived.discard(key)

    @rule(who=WHO, key=KEYS)
    def restore(self, who: int, key: str) -> None:
        if key in self.archived:
            self.memory(who).forget([self.ids[key]], mode="restore")
            self.archived.discard(key)
        elif key in self.gone:
            id, text, possible = self.gone[key]
            try:
                self.memory(who).forget([id], mode="restore")
                assert possible
            except Conflict:
                assert not possible
                return
            self.texts[key] = text
            del self.gone[key]

    @rule(who=WHO, key=KEYS)
    def compress(self, who: int, key: str) -> None:
        if key in self.texts and key not in self.archived:
            self.memory(who).compress([key])

    @rule(who=WHO, key=st.sampled_from(["a", "b", "c"]))
    def set_fact(self, who: int, key: str) -> None:
        self.number += 1
        self.memory(who).set_fact(f"fact.{key}", self.number)
        self.facts[f"fact.{key}"] = self.number

    @rule(who=WHO)
    def leave_and_come_back(self, who: int) -> None:
        self.open[who].close()
        self.open[who] = self.opened()

    @rule(who=WHO, chance=st.integers(0, BUILDS))
    def build(self, who: int, chance: int) -> None:
        if chance == 7:
            TwoBesideADict.builds += 1
            with_enough = self.memory(who)
            for number in range(25):
                with_enough.remember(f"filler {self.number} {number} of the quay", kind="doc")
            try:
                with_enough.index.run("build")
            except Conflict:  # nothing to build
                pass

    @rule(who=WHO, key=KEYS)
    def look(self, who: int, key: str) -> None:
        item = self.memory(who).find(key)
        if key in self.texts:
            assert item is not None
            assert item.text == self.texts[key]
            assert (item.state == "archived") == (key in self.archived)
        else:
            assert item is None or item.id != self.gone.get(key, ("", "", False))[0]

    @rule(who=WHO)
    def look_at_facts(self, who: int) -> None:
        found = {fact.key: fact.value for fact in self.memory(who).get_facts()}
        assert found == self.facts

    @rule(who=WHO, key=KEYS)
    def search(self, who: int, key: str) -> None:
        """By its own words a memory is found at once by either; what is gone never is."""
        wanted = self.texts.get(key) or self.gone.get(key, ("", "", False))[1]
        if not wanted:
            return
        hits = self.memory(who).recall(wanted, top_k=50, max_tokens=25_000).hits
        there = {hit.id for hit in hits}
        if key in self.texts and key not in self.archived:
            assert self.ids[key] in there
        elif key in self.archived:
            assert self.ids[key] not in there
        for id, *_ in self.gone.values():
            assert id not in there or self._is_back(id)

    def _is_back(self, id: str) -> bool:
        return any(self.ids[key] == id for key in self.texts)


def run(steps: int, folder: Path, watch: Watch) -> Found:
    """Do ``steps`` steps, in sequences of fifty."""
    TwoBesideADict.steps = TwoBesideADict.builds = 0
    losses = {"counter-examples": 0}
    said: list[str] = []
    for _ in watch.up_to(max(1, steps // (STEPS * 20))):
        try:
            run_state_machine_as_test(
                TwoBesideADict,
                settings=settings(
                    max_examples=20, stateful_step_count=STEPS, deadline=None, database=None,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
                    phases=[Phase.generate, Phase.shrink],
                ),
            )  # fmt: skip
        except (AssertionError, RoutememError) as error:
            losses["counter-examples"] += 1
            said += [str(error)[:300], *getattr(error, "__notes__", [])[:1]]
    counts = {"steps": TwoBesideADict.steps, "index builds": TwoBesideADict.builds}
    return Found({**counts, "said": said[:2]}, losses)
