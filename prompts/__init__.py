"""The texts that a model reads, as Markdown files beside this one."""

from importlib.resources import files


def load(name: str) -> str:
    """The text of ``<name>.md``, without outer blank lines.

    Raises:
        FileNotFoundError: there is no such text.
    """
    return files(__name__).joinpath(f"{name}.md").read_text("utf-8").strip()


def names() -> list[str]:
    """Every text there is, by name."""
    found = (entry.name for entry in files(__name__).iterdir())
    return sorted(name.removesuffix(".md") for name in found if name.endswith(".md"))
