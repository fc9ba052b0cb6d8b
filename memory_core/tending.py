"""Hygiene and budget of one scope: what the policy asks for, carried out and written down."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from .compressing import Compressing
from .course import ALONE, Course
from .errors import RoutememError
from .forgetting import Forgetting
from .ledger import Ledger
from .lifecycle.budget import allowance, policy_of
from .lifecycle.compression import Shortened
from .lifecycle.models import Model
from .lifecycle.plan import DAY, Action, plan
from .settings import Settings
from .storage.contract import Store

log = logging.getLogger("routemem")
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class _Planned:
    """An action, with the words it takes; without words nothing would be saved."""

    action: Action
    short: Shortened | None

    @property
    def possible(self) -> bool:
        return self.short is not None or self.action.step != "compress"


class Tending:
    """Runs the policy: every few writes, every hour, or when a person asks.

    Without a person no more than a fixed number of items changes in a day (UTC). Everything it does
    can be undone by `forget` with mode ``restore``: what is compressed or archived at any time,
    what is deleted as long as every deleted item.

    Args:
        model: whose context the budget is measured by.
    """

    def __init__(
        self,
        store: Store,
        compressing: Compressing,
        forgetting: Forgetting,
        ledger: Ledger,
        settings: Settings,
        model: Callable[[], Model],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._compressing = compressing
        self._forgetting = forgetting
        self._ledger = ledger
        self._settings = settings
        self._model = model
        self._clock = clock
        self._writes = 0

    # ------------------------------------------------------------------ when

    def wrote(self) -> bool:
        """Count a write; True when it is time for a run."""
        self._writes += 1
        most = self._settings.hygiene_writes
        return 0 < most <= self._writes

    def round(self) -> None:
        """Run if it is time: after so many writes, or an hour after the last run of any process."""
        if self._settings.hygiene_writes and not self._settings.read_only and self._due():
            self.run(by_person=False)

    def _due(self) -> bool:
        last = float(self._store.meta("hygiene_at") or 0)
        waited = 0 <= self._clock() - last < self._settings.hygiene_hours * HOUR
        return self._writes >= self._settings.hygiene_writes or not waited

    # ------------------------------------------------------------------ what

    def plan(self, *, by_person: bool = True, course: Course = ALONE) -> list[Action]:
        """What `run` would do now, in its order; changes nothing.

        Args:
            by_person: without one, only as many items as may still change today.
            course: hears of each item; stopped, the plan ends there.
        """
        return [each.action for each in self._planned(by_person, course) if each.possible]

    def run(self, *, by_person: bool = True, course: Course = ALONE) -> list[Action]:
        """Do what is planned; returns what was done. An item changed meanwhile is left alone.

        Args:
            course: hears of each item that is looked at; stopped, the others stay as they are.
        """
        self._writes = 0
        self._ledger.flush()  # who was read lately counts
        planned = self._planned(by_person, course)
        done = [
            each.action
            for each in planned
            if each.possible and not course.stopped() and self._do(each)
        ]
        for each in planned:
            if not each.possible:  # so that it does not take another's place every time
                self._compressing.leave(each.action.id)
        with self._store.atomic():
            if not course.stopped():  # else the next round goes on with it
                self._store.set_meta("hygiene_at", repr(self._clock()))
            if not by_person and done:
                said = {"day": self._day(), "changed": self.changed_today() + len(done)}
                self._store.set_meta("hygiene_day", json.dumps(said))
        return done

    def changed_today(self) -> int:
        """How many items have changed today (UTC) without a person."""
        said = json.loads(self._store.meta("hygiene_day") or "{}")
        return int(said["changed"]) if said.get("day") == self._day() else 0

    def count_changes(self, n: int) -> None:
        """Count items that a model changed by itself, inside `atomic()`."""
        said = {"day": self._day(), "changed": self.changed_today() + n}
        self._store.set_meta("hygiene_day", json.dumps(said))

    def allowance(self) -> int:
        """How many more items may change today without a person."""
        return allowance(self._settings, self._store.count_items(), self.changed_today())

    def _day(self) -> int:
        return int(self._clock() // DAY)

    def _planned(self, by_person: bool, course: Course) -> list[_Planned]:
        most = -1 if by_person else self.allowance()
        if most == 0:
            return []
        now, policy = self._clock(), policy_of(self._settings, self._model())
        with self._store.reading():
            used = self._store.counts()["shown"]
            over = used >= policy.trigger * policy.context
            days = [policy.compress_days, policy.archive_days, policy.archive_days_high]
            least = min((day for day in [*days, policy.delete_days] if day > 0), default=None)
            if least is None and not over:
                return []
            since = None if over or least is None else now - least * DAY
            items = self._store.subjects(since)
            newer = self._store.count_items() - sum(item.state != "archived" for item in items)
        policy = replace(policy, keep=max(0, policy.keep - newer))
        actions = plan(now, items, policy, used=used)
        planned: list[_Planned] = []
        for action in actions:
            if course.stopped():
                break
            planned.append(self._worded(action))
            course.at(len(planned), len(actions))
        possible = [each for each in planned if each.possible]
        return planned if most < 0 else [each for each in planned if each not in possible[most:]]

    def _worded(self, action: Action) -> _Planned:
        short = self._compressing.short_form(action.id) if action.step == "compress" else None
        return _Planned(action, short)

    # ------------------------------------------------------------------ do

    def _do(self, planned: _Planned) -> bool:
        action = planned.action
        try:
            if action.step == "compress":
                assert planned.short is not None
                return self._compressing.by_itself(action.id, planned.short, action.why)
            if action.step == "archive":
                return self._archive(action)
            self._forgetting.forget([action.id], "delete", action.why)
            self._ledger.note("hygiene:delete", at=self._clock(), id=action.id)
            return True
        except RoutememError as error:
            log.warning("the hygiene left %s as it was: %s", action.id, error.code)
            return False

    def _archive(self, action: Action) -> bool:
        with self._store.atomic():
            item = self._store.find(action.id)
            if item is None or item.pinned or item.state not in ("active", "compressed"):
                return False
            self._store.amend(replace(item, state="archived", updated_at=self._clock()))
            self._ledger.note("hygiene:archive", at=self._clock(), id=item.id, detail=action.why)
            self._ledger.flush()  # in the same transaction: no change without its row
        return True
