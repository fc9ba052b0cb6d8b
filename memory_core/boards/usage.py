"""Usage: tokens and costs of the language models that are used beside the memory."""

import datetime
from collections.abc import Callable

from ..draft import short
from ..errors import InvalidArgument
from ..lifecycle.models import Cost, Models
from ..records import Usage
from ..storage.contract import Store


class Spending:
    """What was spent in one scope, by day (UTC) and model.

    Args:
        models: gives the table of prices.
    """

    def __init__(
        self, store: Store, clock: Callable[[], float], models: Callable[[], Models]
    ) -> None:
        self._store = store
        self._clock = clock
        self._models = models

    def track(self, model: str, tokens_in: int, tokens_out: int) -> Cost:
        """Add one call of a model; an unknown one is counted under its own name, with a warning.

        Raises:
            InvalidArgument: no name, or a number below 0.
        """
        name = short("model", model)
        if not name:
            raise InvalidArgument("model is empty: name it as its provider does.")
        cost = self._models().cost(tokens_in, tokens_out, name)
        day = datetime.datetime.fromtimestamp(self._clock(), datetime.UTC).date().isoformat()
        known = name.casefold() if cost.warning else cost.model
        with self._store.atomic():
            self._store.add_usage(Usage(day, known, 1, tokens_in, tokens_out, cost.usd))
        return cost

    def all(self) -> list[Usage]:
        """Usage by day and model, oldest first."""
        return self._store.usage()

    def by_model(self) -> list[Usage]:
        """The sums of all days, dearest first; ``day`` is that of the last use."""
        sums: dict[str, Usage] = {}
        for one in self.all():
            old = sums.get(one.model, Usage("", one.model))
            sums[one.model] = Usage(
                one.day, one.model, old.calls + one.calls, old.input + one.input,
                old.output + one.output, old.cost + one.cost,
            )  # fmt: skip
        return sorted(sums.values(), key=lambda one: (-one.cost, one.model))
