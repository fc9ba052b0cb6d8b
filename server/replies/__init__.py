"""How answers read: a compact text for a model or a person, and fields for programs.

A host shows the model only one of the two, so each stands alone and each alone keeps the budget.
No pydantic here: the command line answers with the same words.
"""
