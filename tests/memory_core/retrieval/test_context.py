"""A context keeps its budget, cuts what is too long, and names what it leaves out."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from routemem.memory_core.retrieval.context import CUT, Line, Packed, Part, pack
from routemem.memory_core.retrieval.hints import DEEPER, FACTS, MEMORIES, TITLE
from routemem.memory_core.text.tokens import estimate, truncate


def cut(text: str, tokens: int) -> str:
    return truncate(text, tokens, estimate)


def line(id: str, text: str) -> Line:
    return Line(id, f"[{id}] ", text, f"{id}: {text[:20]}")


def part(name: str, *texts: str, share: float = 0.25, backwards: bool = False) -> Part:
    lines = tuple(line(f"{name}{n}", text) for n, text in enumerate(texts))
    return Part(name, f"{name}:", lines, share, backwards)


def packed(parts: list[Part], budget: int, *, hints: bool = True) -> Packed:
    return pack(parts, budget, estimate, cut, hinting=hints)


def test_what_fits_is_shown_whole_in_order() -> None:
    done = packed([part("facts", "one", "two"), part("recent", "new", "old", backwards=True)], 500)
    assert done.text.splitlines() == [
        "facts:", "- [facts0] one", "- [facts1] two",
        "recent:", "- [recent1] old", "- [recent0] new",
    ]  # fmt: skip
    assert (done.cut, done.omitted, done.hinted) == ((), 0, ())


def test_a_line_that_is_too_long_is_cut_and_leaves_room_for_the_next() -> None:
    done = packed([part("facts", "word " * 4000, "short one", "short two")], 200)
    assert "short one" in done.text
    assert "short two" in done.text
    assert done.cut == ("facts0",)
    assert CUT in done.text


def test_one_part_cannot_push_out_the_others() -> None:
    many = [f"fact number {n} says something of its own" for n in range(300)]
    done = packed([part("facts", *many), part("recent", "said a moment ago"),
                   part("relevant", "what bears on it", share=0.35)], 300)  # fmt: skip
    assert "said a moment ago" in done.text
    assert "what bears on it" in done.text
    assert done.parts["facts"] > 100


def test_what_others_leave_is_used() -> None:
    many = [f"fact number {n} says something of its own" for n in range(300)]
    done = packed([part("facts", *many), part("relevant", "tiny")], 600)
    assert done.parts["facts"] > 400


def test_what_is_left_out_is_named_with_words_then_by_id_then_counted_with_a_call() -> None:
    many = [f"thing {n} " + "and more words about it " * 3 for n in range(200)]
    done = packed([part("relevant", *many)], 900)
    hints = done.text[done.text.index(TITLE) :].splitlines()
    assert done.omitted + len(done.shown["relevant"]) == 200
    worded = [line for line in hints if ": thing" in line]
    (bare,) = [line for line in hints if line.startswith("- memories ")]
    ids = [*(line[2:].split(":")[0] for line in worded), *bare[11:].split(", ")]
    assert tuple(ids) == done.hinted
    assert len(bare.split(", ")) > len(worded) > 2
    assert hints[-1] == f"- {done.omitted - len(ids)} more: {MEMORIES}"


def test_what_can_be_named_with_words_is() -> None:
    many = ["and more words about it " * 10, *["many words " * 8] * 30]
    done = packed([part("relevant", *many)], 800)
    assert done.omitted
    assert all(f"- {id}: " in done.text for id in done.hinted)
    assert len(done.hinted) == done.omitted
    assert MEMORIES not in done.text


def test_facts_left_out_are_named_apart_and_have_a_call_of_their_own() -> None:
    many = [f"value {n} that says something of its own" for n in range(300)]
    facts = Part("facts", "facts:", tuple(replace(line(f"k{n}", t), fact=True)
                                          for n, t in enumerate(many)), 0.25)  # fmt: skip
    done = packed([facts], 700)
    assert any(line.startswith("- facts k") for line in done.text.splitlines())
    assert done.text.endswith(f"more: {FACTS}")


def test_a_search_that_would_find_more_says_how() -> None:
    few = replace(part("relevant", "one", "two"), deeper=True)
    done = packed([few], 300)
    assert (done.omitted, done.hinted) == (0, ())
    assert done.text.endswith(f"- more: {DEEPER}")


def test_hints_can_be_switched_off() -> None:
    done = packed([part("relevant", *["many words stand here"] * 99)], 100, hints=False)
    assert TITLE not in done.text
    assert done.omitted > 0


def test_nothing_to_say_is_nothing() -> None:
    assert packed([], 100).text == ""
    assert packed([part("facts")], 100).text == ""


texts = st.lists(
    st.one_of(
        st.text(max_size=80),
        st.integers(1, 900).map(lambda n: "word " * n),
        st.integers(1, 300).map(lambda n: "日本語" * n),
        st.integers(1, 200).map(lambda n: '"\\\n' * n),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(texts, texts, texts, texts, st.integers(16, 4000), st.booleans())
def test_no_budget_is_ever_exceeded(
    one: list[str], two: list[str], three: list[str], four: list[str], budget: int, hints: bool
) -> None:
    parts = [
        part("facts", *one),
        part("pinned", *two, share=0.2),
        part("recent", *three, backwards=True),
        part("relevant", *four, share=0.35),
    ]
    done = packed(parts, budget, hints=hints)
    assert estimate(done.text) <= budget
    assert sum(done.parts.values()) <= budget
    shown = sum(map(len, done.shown.values()))
    assert shown + done.omitted == sum(map(len, (one, two, three, four)))
    assert len(done.hinted) <= done.omitted
