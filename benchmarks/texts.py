"""Made-up texts of a given number: the same on every machine."""

PEOPLE = "Ann Bram Chloe Dina Emil Farah Goran Hana Ivo Jana Kofi Lena Milo Nora".split()
PLACES = "Ghent Porto Bergen Trieste Lyon Gdansk Cork Basel Turku Malaga Split Leiden".split()
THINGS = (
    "the tide model", "a cello lesson", "the quarterly report", "the garden wall",
    "a train ticket", "the backup disk", "a sourdough starter", "the sensor gauge",
    "the rent contract", "a half marathon",
    "the deployment script", "an allergy test", "the night shift", "a passport photo", "the cat",
)  # fmt: skip
DEEDS = (
    "decided to postpone", "finally finished", "asked for help with", "paid too much for",
    "explained everything about", "promised to look after", "lost all notes on", "was proud of",
    "wrote a long letter about", "changed the plan for", "found a mistake in",
)  # fmt: skip
WHY = (
    "because the weather turned", "after talking to a neighbour", "since the budget was cut",
    "although nobody had asked", "as the doctor advised", "before the holidays began",
    "when the old one broke", "to save some money",
)  # fmt: skip


def memory(number: int) -> str:
    """A sentence of about 30 tokens with its own number in it."""
    who, where, what, did, why = _parts(number)
    return (
        f"{who} from {where} {did} {what} {why}; the file on it carries the number {number} "
        f"and lies in the archive of {where}."
    )


def question(number: int) -> str:
    """A question in other words, answered by ``memory(number)``."""
    who, where, what, _, _ = _parts(number)
    return f"What do we know of {who} in {where} and {what}, file {number}?"


def document(characters: int) -> str:
    """A long text, one paragraph a memory; its last sentence stands nowhere else."""
    paragraphs, size, number = [], 0, 1_000_000
    while size < characters:
        paragraphs.append(memory(number))
        size += len(paragraphs[-1]) + 2
        number += 1
    return "\n\n".join(paragraphs) + "\n\nAt the very end the lighthouse keeper sold his violin."


def _parts(number: int) -> tuple[str, str, str, str, str]:
    return (
        PEOPLE[number % len(PEOPLE)],
        PLACES[number // 3 % len(PLACES)],
        THINGS[number // 5 % len(THINGS)],
        DEEDS[number // 2 % len(DEEDS)],
        WHY[number // 7 % len(WHY)],
    )
