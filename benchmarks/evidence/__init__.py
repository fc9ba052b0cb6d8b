"""Evidence recall: is what answers a question among the first hits?

    python -m benchmarks.evidence --data FILE [--data FILE] [--user-turns] [--only NAME,…]
        [--ablate] [--mem0 PYTHON] [--memory-service PYTHON] [--out FILE]

Reads the original ``locomo10.json`` or the normalised form ``[{id, memories: [{id, text, speaker
or role, session, date or date_str}], questions: [{qid, question, category, evidence}]}]``. Every
conversation gets a memory of its own, each turn is one memory. R@k of a question is the share of
its gold turns among the first k hits, the figure printed the mean over all questions that have any.
Results hold ids and numbers only.
"""
