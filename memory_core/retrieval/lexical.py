"""From a question to the words worth looking up."""

import re

#: A word, with its apostrophes.
WORD = re.compile(r"\w+(?:['’]\w+)*", re.UNICODE)

#: English function words and question words; they match everything and tell nothing.
STOP_WORDS = frozenset(
    """a about above after again all also am an and any are as at be because been before being
    below between both but by can could did do does doing down during each ever few for from
    further had has have having he her here hers him his how i if in into is it its just kind many
    may me might mine more most much must my no nor not now of off often on once only or other our
    out over own same shall she should so some such than that the their theirs them then there
    these they this those to too type under until up us very was we were what when where which
    while who whom whose why will with would yet you your""".split()
)


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
