"""What must not be stored as it is: secrets, hidden text, control tokens, data on its way out.

Pure and linear in the text. The findings say where and what by name, never what was there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .hidden_text import hidden
from .injection import orders, smuggling
from .screening_rules import CONTROL, SECRETS, Kind, Rule


@dataclass(frozen=True, slots=True)
class Finding:
    """A stretch of a text that a rule speaks of.

    Attributes:
        rule: name of the rule, as a person reads it.
        start: first character.
        end: one past the last.
    """

    rule: str
    kind: Kind
    start: int
    end: int


def screen(text: str, *, untrusted: bool) -> list[Finding]:
    """Everything a text should be held back for, in order; most texts have nothing.

    Args:
        untrusted: whether the text comes from outside; then orders to a model count as well.
    """
    found = [
        Finding(rule.name, rule.kind, start, end)
        for rule in (*SECRETS, *CONTROL)
        for start, end in _places(rule, text)
    ]
    found += [Finding(name, "invisible", start, end) for start, end, name in hidden(text)]
    found += [Finding(name, "exfiltration", start, end) for start, end, name in smuggling(text)]
    if untrusted:
        found += [Finding(name, "instructions", start, end) for start, end, name in orders(text)]
    return sorted(found, key=lambda finding: (finding.start, -finding.end))


def redact(text: str, findings: Sequence[Finding]) -> str:
    """The text with the name of what was found in its place; hidden characters simply go.

    Args:
        findings: of this very text, in order.
    """
    parts, end = [], 0
    for finding in findings:
        if finding.start >= end:
            gone = "" if finding.kind == "invisible" else f"[redacted: {finding.rule}]"
            parts += [text[end : finding.start], gone]
        end = max(end, finding.end)
    return "".join([*parts, text[end:]])


def reasons(findings: Sequence[Finding]) -> str:
    """The names of what was found, each once: "GitHub token (2), IBAN"."""
    names = [finding.rule for finding in findings]
    return ", ".join(
        f"{name} ({names.count(name)})" if names.count(name) > 1 else name
        for name in dict.fromkeys(names)
    )


def _places(rule: Rule, text: str) -> Iterator[tuple[int, int]]:
    if rule.literals and not any(literal in text for literal in rule.literals):
        return
    expression = rule.expression
    group: str | int = "token" if "token" in expression.groupindex else 0
    for match in expression.finditer(text):
        start, end = match.span(group)
        if length := rule.check(text[start:end]):
            yield start, start + length
