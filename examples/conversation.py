"""A chat loop with memory in library form: context before each answer, the exchange kept after it.

python examples/conversation.py
"""

from routemem.memory_core import Memory

with Memory.open(None, scope="user:mara") as memory:
    memory.set_fact("user.diet", "vegetarian", source="user")
    memory.remember("Mara wants recipes for two people.", pinned=True, source="user")
    memory.remember("The oven in the new flat only reaches 200 degrees.", source="user")

    question = "What shall we bake tonight?"
    context = memory.get_context(question, max_tokens=400, model="gpt-4o-mini")
    print(context.text)
    assert context.tokens <= 400
    assert "user.diet: vegetarian" in context.text
    assert "recipes for two" in context.text
    assert "200 degrees" in context.text

    # … here a model would answer, with the context before the question …
    logged = memory.log_turn(question, "A quiche at 190 degrees. By the way, where do you live?")
    logged = memory.log_turn("I live in Ghent.", "Noted.")
    print(logged.candidates)
    assert memory.get_fact("user.city") is None  # proposed, not written
    memory.set_facts([candidate.as_fact() for candidate in logged.candidates])
    assert memory.get_fact("user.city") == "Ghent"

    use = memory.utilisation()
    print(f"{use.used} of {use.context} tokens, {use.percent} %")
    assert not use.high
