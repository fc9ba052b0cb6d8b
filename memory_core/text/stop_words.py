"""Words that tell nothing of what a text is about."""

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
