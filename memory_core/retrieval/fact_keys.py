"""Which facts a question asks for, judged by their keys alone."""

import re
from collections.abc import Iterable

from .lexical import WORD, content_words

#: First parts of keys that a question does not name: whose memory it is goes without saying.
OWN = frozenset(
    "user me my own project app team agent assistant preference profile setting current".split()
)
_PART = re.compile(r"[.:/\s]+")
_JOINT = re.compile(r"[_\-]+|(?<=[a-z0-9])(?=[A-Z])")


def asked_words(question: str) -> list[str]:
    """The words of a question as keys are compared with them: content words in the singular."""
    said = [part for word in content_words(question) for part in WORD.findall(word)]
    return list(dict.fromkeys(_singular(re.split("['’]", word)[0]) for word in said))


def matching_keys(keys: Iterable[str], question: str) -> list[str]:
    """The keys a question asks for, those it says more of first, then by name.

    A key is asked for when the question has every word of its last part, and of the parts before
    all but those that go without saying: "which city is Ann in" asks for ``ann.city`` and
    ``user.city``, not for ``bo.city``.
    """
    words = set(asked_words(question))
    found = []
    for key in keys:
        *subject, last = [_words(part) for part in _PART.split(key) if part] or [[]]
        named = [set(part) <= words for part in subject if not set(part) <= OWN]
        if last and set(last) <= words and all(named):
            found.append((-len(named), key))
    return [key for _, key in sorted(found)]


def _words(part: str) -> list[str]:
    return [_singular(word.lower()) for word in _JOINT.split(part) if word]


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
