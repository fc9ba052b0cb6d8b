"""Short ids: the tag of a scope, a dash, and a count in base 32 (``b-7k2``).

Tags are given out once per data folder, so an id names its scope; counts never go back, so an id
is never used twice. The alphabet leaves out i, l, o and u, which are read as 1, 1, 0 and v.
"""

import re

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LETTERS = "abcdefghjkmnpqrstvwxyz"
_ID = re.compile(rf"([{_LETTERS}]+)-([{_ALPHABET}]+)")


def make_id(tag: str, count: int) -> str:
    """The id of a scope's ``count``-th thing, counted from 1."""
    return f"{tag}-{_digits(count, _ALPHABET)}"


def make_tag(number: int) -> str:
    """The tag of a data folder's ``number``-th scope, counted from 1: a, b … z, aa, ab."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, len(_LETTERS))
        letters = _LETTERS[rest] + letters
    return letters


def tag_number(tag: str) -> int:
    """The number whose `make_tag` this is; 0 when there is none, or none that is ever reached."""
    if len(tag) > 4 or not set(tag) <= set(_LETTERS):
        return 0
    number = 0
    for letter in tag:
        number = number * len(_LETTERS) + _LETTERS.index(letter) + 1
    return number


def number_of(id: str) -> int:
    """The count in an id; 0 when the text is no id."""
    match = _ID.fullmatch(id.strip().lower())
    number = 0
    for digit in match[2] if match else "":
        number = number * len(_ALPHABET) + _ALPHABET.index(digit)
    return number


def bare(ref: str) -> str:
    """An id or key as it is looked up: without outer spaces and the brackets replies print."""
    plain = ref.encode("utf-8", "replace").decode()  # an unpaired surrogate is in no id
    return plain.strip().removeprefix("[").removesuffix("]").strip()


def tag_of(ref: str) -> str | None:
    """The tag in an id, or None when the text is no id. Case and outer spaces are ignored."""
    match = _ID.fullmatch(ref.strip().lower())
    return match[1] if match else None


def _digits(number: int, alphabet: str) -> str:
    digits = alphabet[number % len(alphabet)]
    while number := number // len(alphabet):
        digits = alphabet[number % len(alphabet)] + digits
    return digits
