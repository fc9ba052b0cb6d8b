"""Why something is held, told without a word of it; and how the same is known when said again."""

import re
import unicodedata

from .screening import redact, screen

#: Words of a reason that say what kind of thing is held, not what it is.
_PLAIN = frozenset(
    "password passwords passphrase token tokens secret secrets credential credentials address "
    "phone email account number private personal sensitive injection instruction instructions "
    "prompt contains user client customer medical health about which their should never stored "
    "leaked poisoned wrong asked".split()
)


def told(reason: str, content: str) -> str:
    """A reason that repeats nothing of the content: telling words of it are left out."""
    said = redact(reason, screen(reason, untrusted=False))
    inside = content.casefold()

    def word(match: re.Match[str]) -> str:
        plain = match[0].casefold().strip(".,;:!?()[]\"'`")
        return "…" if len(plain) > 4 and plain in inside and plain not in _PLAIN else match[0]

    return re.sub(r"\S+", word, said)


def said_again(text: str) -> bytes:
    """What stays the same when a text is said again: its letters and digits, case folded."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, plain)).encode("utf-8", "replace") or text.encode()
