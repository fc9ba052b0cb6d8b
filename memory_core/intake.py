"""What may be stored as it is, what is stored redacted, and what is held back."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from .errors import Withheld
from .lifecycle.screening import Finding, reasons, redact, screen
from .records import Fact, Item

T = TypeVar("T")


class Intake:
    """Looks at everything on its way in, by the setting ``screening``: hold, redact or off.

    Args:
        is_held: whether a text is in quarantine; it does not come in by being said again.
    """

    def __init__(self, mode: str, is_held: Callable[[str], bool]) -> None:
        self._mode = mode
        self._is_held = is_held

    def item(self, item: Item, *, is_known: Callable[[], bool] = lambda: False) -> Item:
        """The item as it may be stored: itself, or redacted (its digest is then another).

        Args:
            is_known: whether the same text is stored already; then its text has passed.

        Raises:
            Withheld: it must not be stored; carries the item.
        """
        if self._is_held(item.text):
            raise Withheld("the same text is held already", item, item.text)
        if self._mode == "off":
            return item
        untrusted = item.trust == "untrusted"
        around = [found for text in _around(item) for found in screen(text, untrusted=untrusted)]
        inside = screen(item.text, untrusted=untrusted)
        if inside and is_known():
            inside = []
        if not around and not inside:
            return item
        if self._mode == "hold":
            known_as = item.text if inside else "\n".join((item.text, *_around(item)))
            raise Withheld(reasons([*inside, *around]), item, known_as)
        return replace(
            item,
            text=redact(item.text, inside),
            speaker=_redacted(item.speaker, untrusted),
            key=_redacted(item.key, untrusted),
            tags=tuple(_redacted(tag, untrusted) for tag in item.tags),
            metadata=_redacted_metadata(item.metadata, untrusted) if around else item.metadata,
        )

    def fact(self, fact: Fact) -> Fact:
        """A statement as it may be recorded.

        Raises:
            Withheld: it must not be recorded; carries the statement.
        """
        said = fact.value_text
        if self._is_held(said):
            raise Withheld("the same text is held already", fact, said)
        if self._mode == "off":
            return fact
        untrusted = fact.trust == "untrusted"
        # A secret may lie in a value that only its key makes one ("api_key": "…").
        told = _json({fact.key: fact.value})
        beside = screen(fact.key, untrusted=untrusted)
        texts = (said, told) if isinstance(fact.value, str) else (told,)
        found = [each for text in texts for each in screen(text, untrusted=untrusted)]
        if not beside and not found:
            return fact
        if self._mode == "hold":
            alone = screen(_json({"": fact.value}), untrusted=untrusted)
            known_as = told if beside and not alone else said
            raise Withheld(_named_once([*beside, *found]), fact, known_as)
        value = _each_text(fact.value, lambda text: _redacted(text, untrusted))
        if screen(json.dumps({fact.key: value}, ensure_ascii=False), untrusted=untrusted):
            value = f"[redacted: {_named_once(found)}]"
        return replace(fact, key=_redacted(fact.key, untrusted), value=value)

    def text(self, said: str, *, untrusted: bool = False) -> str:
        """A text that belongs to something else (a summary, a task) as it may be stored.

        Raises:
            Withheld: it must not be stored.
        """
        if self._mode != "off" and (found := screen(said, untrusted=untrusted)):
            if self._mode == "hold":
                raise Withheld(reasons(found), None)
            return redact(said, found)
        return said

    def value(self, said: T) -> T:
        """A JSON value, every text in it as `text` lets it pass.

        Raises:
            Withheld: it must not be stored.
        """
        passed: T = _each_text(said, self.text)
        self.text(_json(passed))
        return passed


def _around(item: Item) -> Iterator[str]:
    yield from (text for text in (item.speaker, item.key, *item.tags) if text)
    if item.metadata:
        yield json.dumps(dict(item.metadata), ensure_ascii=False)


def _redacted(text: str, untrusted: bool) -> str:
    return redact(text, screen(text, untrusted=untrusted))


def _redacted_metadata(metadata: Any, untrusted: bool) -> dict[str, Any]:
    plain: dict[str, Any] = _each_text(dict(metadata), lambda text: _redacted(text, untrusted))
    left = screen(json.dumps(plain, ensure_ascii=False), untrusted=untrusted)
    return {"redacted": reasons(left)} if left else plain


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with every text in it, keys included, changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): _each_text(child, change) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(child, change) for child in value]
    return value


def _named_once(found: list[Finding]) -> str:
    return ", ".join(dict.fromkeys(finding.rule for finding in found))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
