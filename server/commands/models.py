"""`routemem models`: what language models can read, and what their tokens cost."""

import argparse
from dataclasses import asdict

from routemem.memory_core.settings import Settings

from .shown import as_json, shown


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """Only how to print."""
    command.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Print a line a model, with your own file laid over the table; the chosen one has a star."""
    from routemem.memory_core.model_table import load_models, shipped

    said = shipped()
    table = load_models(settings.models_file)
    chosen, note = table.find(settings.model)
    known = [*table.known.values(), table.default]
    if given.json:
        print(as_json([asdict(model) for model in known]))
        return 0
    print(f"  {'model':20}  {'context':>9}  {'output':>7}  {'$ in':>5}  {'$ out':>5}")
    for model in known:
        mark = "*" if model.name == chosen.name else " "
        doubt = said["uncertain"].get(model.name, "")
        prices = f"{model.input_price:>5g}  {model.output_price:>5g}"
        line = f"{mark} {model.name:20}  {model.context:>9,}  {model.output:>7,}  {prices}"
        print(shown(f"{line}  ({doubt})" if doubt else line))
    print(shown("\n".join(filter(None, [f"Prices of {said['as_of']}. {said['about']}", note]))))
    return 0
