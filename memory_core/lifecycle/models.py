"""What a language model can read and what its tokens cost. Pure: the table comes as plain values.

A name is looked up as it is, then without what providers put around it: ``openai/gpt-4o``,
``models/gemini-2.5-pro``, ``claude-sonnet-4-5-20250929`` and ``gpt-4o-mini-2024-07-18`` are known.
Nothing is guessed beyond that: a name that stays unknown gets the default and a warning.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..errors import InvalidArgument

#: What stands behind a name for one of its versions.
_VERSION = re.compile(r"(?:-latest|-preview|[-@]\d{8}|-\d{4}-\d{2}-\d{2}|-\d{4}|-\d{3}|:\w+)$")
PER = 1_000_000


@dataclass(frozen=True, slots=True)
class Model:
    """One model.

    Attributes:
        context: tokens it can read and write together.
        input: most tokens of one prompt; 0: as many as the context.
        output: most tokens of one answer.
        input_price: US dollars for a million tokens read.
        output_price: US dollars for a million tokens written.
        safe: largest part of the context that is ever filled.
        trigger: part of the context at which memories are compressed.
        target: part of the context down to which they are compressed.
    """

    name: str
    context: int
    input: int
    output: int
    input_price: float
    output_price: float
    safe: float
    trigger: float
    target: float

    @property
    def room(self) -> int:
        """Most tokens of a context packed for it."""
        return min(int(self.safe * self.context), self.input or self.context)

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """US dollars for so many tokens read and written.

        Raises:
            InvalidArgument: a number is below 0.
        """
        if tokens_in < 0 or tokens_out < 0:
            raise InvalidArgument(f"tokens are {tokens_in} and {tokens_out}, expected 0 or more.")
        return (tokens_in * self.input_price + tokens_out * self.output_price) / PER


@dataclass(frozen=True, slots=True)
class Cost:
    """What tokens cost.

    Attributes:
        usd: US dollars.
        model: name it was looked up under; "default" for an unknown one.
        warning: why the sum may be wrong; "" when the model is known.
    """

    usd: float
    model: str
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Models:
    """Known models by name, and what holds for all others."""

    known: Mapping[str, Model]
    default: Model

    def find(self, name: str) -> tuple[Model, str]:
        """The model of a name, and a warning when it is not known; "" is the default without one.

        Args:
            name: as providers write it; case does not matter.
        """
        if not name.strip():
            return self.default, ""
        for spelling in spellings(name):
            if spelling in self.known:
                return self.known[spelling], ""
        return self.default, (
            f"No model {name.strip()[:40]!r} in the table: counted as one with "
            f"{self.default.context:,} tokens of context and no price. Add it to the file that "
            "ROUTEMEM_MODELS_FILE names."
        )

    def cost(self, tokens_in: int, tokens_out: int, model: str) -> Cost:
        """What so many tokens read and written cost with a model.

        Raises:
            InvalidArgument: a number is below 0.
        """
        found, warning = self.find(model)
        return Cost(found.cost(tokens_in, tokens_out), found.name, warning)


def spellings(name: str) -> list[str]:
    """The names a model may be listed under, as given first, ever shorter ones after it."""
    plain = name.strip().casefold()
    found = [plain]
    if "/" in plain:
        found.append(plain.rsplit("/", 1)[1])
    while shorter := _VERSION.sub("", found[-1]):
        if shorter == found[-1]:
            break
        found.append(shorter)
    return found


def parse(*tables: Mapping[str, Any]) -> Models:
    """Models from tables of one form, later ones laid over earlier ones, field by field.

    Args:
        tables: ``{"default": {…}, "models": {name: {…}}}``; a model takes from ``default`` what it
            does not say.

    Raises:
        InvalidArgument: a table has another form, or a value that cannot be.
    """
    default: dict[str, Any] = {}
    said: dict[str, dict[str, Any]] = {}
    for table in tables:
        default |= _fields("default", table.get("default", {}))
        models = table.get("models", {})
        if not isinstance(models, Mapping):
            raise InvalidArgument("models is no object: expected a name and its fields for each.")
        for name, values in models.items():
            said.setdefault(name.strip().casefold(), {}).update(_fields(name, values))
    known = {name: _model(name, default | values) for name, values in said.items()}
    return Models(known, _model("default", default))


_NAMES = {spec.name for spec in fields(Model)} - {"name"}


def _fields(name: str, values: Any) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise InvalidArgument(f"{name} is {values!r}, expected an object such as {{'context': 1}}.")
    if unknown := sorted(set(values) - _NAMES):
        raise InvalidArgument(
            f"{name} has no field {', '.join(unknown)}. Fields: {', '.join(sorted(_NAMES))}."
        )
    return dict(values)


def _model(name: str, values: Mapping[str, Any]) -> Model:
    for field, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise InvalidArgument(f"{field} of {name} is {value!r}, expected a number from 0 on.")
    if missing := sorted(_NAMES - set(values)):
        raise InvalidArgument(f"{name} lacks {', '.join(missing)}.")
    model = Model(name, **values)
    if not (0 < model.target <= model.trigger <= model.safe <= 1 <= model.context):
        raise InvalidArgument(
            f"{name}: expected 0 < target <= trigger <= safe <= 1 and at least one token of "
            f"context, got {model.target}, {model.trigger}, {model.safe} and {model.context}."
        )
    return model
