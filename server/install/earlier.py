"""What a new entry takes over: from the one that was there, and from this shell's environment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_PREFIX = "ROUTEMEM_"


@dataclass(frozen=True, slots=True)
class Settled:
    """What follows the command, what environment is set, and what the user should know of it."""

    arguments: tuple[str, ...]
    env: Mapping[str, str]
    notes: tuple[str, ...] = ()


def settle(
    old: Mapping[str, Any],
    arguments: Sequence[str],
    env: Mapping[str, str],
    shell: Mapping[str, str],
) -> Settled:
    """Weigh what is asked for against what the earlier entry says; nothing goes unsaid.

    Flags after ``serve`` replace those of the earlier entry; without any, the earlier ones stay.
    What the shell sets is taken where neither says anything.

    Args:
        old: the earlier entry; empty for none.
        arguments: ``serve`` and the flags that were given.
        env: environment variables that were given.
        shell: settings of this shell's environment, ``ROUTEMEM_…`` names and their values.
    """
    was, now = _flags_of(old), _grouped(arguments[1:])
    notes = []
    if was and not now:
        now = was
        notes.append(
            f"Kept from the earlier entry: {_told(was)}. Flags given to install replace all these."
        )
    elif lost := [group for group in was if group not in now]:
        notes.append(f"No longer set, as other flags were given: {_told(lost)}.")
    carried, other = {}, []
    for name, value in shell.items():
        theirs = _value_of(name, now, old.get("env"))
        if theirs is None:
            carried[name] = value
        elif theirs != value:
            other.append(f"{name} is {value!r} in this shell but {theirs!r} for the client")
    if carried:
        told = ", ".join(f"{name}={value}" for name, value in carried.items())
        notes.append(f"From this shell, so that the client uses the same memory: {told}.")
    if other:
        notes.append(f"{'; '.join(other)}. Give the flag to change it.")
    flags = tuple(word for group in now for word in group)
    return Settled((*arguments[:1], *flags), {**carried, **env}, tuple(notes))


def _flags_of(old: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The flags after ``serve`` in an entry that starts this server."""
    words = old.get("args")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return []
    if "serve" not in words:
        return []
    at = words.index("serve")
    started = [str(old.get("command", "")), *words[:at]]
    ours = any("routemem" in word.lower() for word in started)
    return _grouped(words[at + 1 :]) if ours else []


def _grouped(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Each flag with its values, whether joined by ``=`` or not."""
    groups: list[tuple[str, ...]] = []
    for word in words:
        if word.startswith("--"):
            name, joined, value = word.partition("=")
            groups.append((name, value) if joined else (name,))
        elif groups:
            groups[-1] = (*groups[-1], word)
        else:
            groups.append((word,))
    return groups


def _value_of(variable: str, flags: Sequence[tuple[str, ...]], env: Any) -> str | None:
    """What a client's entry says of a setting, as a flag or as a variable; None for nothing."""
    flag = "--" + variable.removeprefix(_PREFIX).lower().replace("_", "-")
    for name, *values in flags:
        if name == flag:
            return ",".join(values)
    value = env.get(variable) if isinstance(env, dict) else None
    return None if value is None else str(value)


def _told(groups: Sequence[tuple[str, ...]]) -> str:
    return ", ".join(" ".join(group) for group in groups)
