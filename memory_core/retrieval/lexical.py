"""From a question to the words worth looking up."""

import re

from ..text.stop_words import STOP_WORDS

#: A word, with its apostrophes.
WORD = re.compile(r"\w+(?:['’]\w+)*", re.UNICODE)


def content_words(question: str) -> list[str]:
    """The distinct content words of a question, lower case, in order.

    A question made of function words alone ("who are you") keeps them all, so that it is not
    answered by nothing.
    """
    words = list(dict.fromkeys(WORD.findall(question.lower())))
    content = [word for word in words if _bare(word) not in STOP_WORDS and len(word) > 1]
    return content or words


def _bare(word: str) -> str:
    """``what's`` is ``what``."""
    return re.split("['’]", word)[0]
