"""Every part by its name, with the sizes of its two forms."""

from . import disk, fuzz, kills, model, parsers, processes, soak
from .part import Part

PARTS: dict[str, Part] = {
    "kills": Part("kill -9 amid mixed work over stdio", 30, 1000, "kills", kills.run),
    "processes": Part("4 servers on the same files", 250, 10_000, "operations each", processes.run),
    "fuzz": Part("hostile calls and raw bytes", 2000, 100_000, "calls", fuzz.run),
    "disk": Part("a full disk at each kind of write, a limit on files", 2, 20, "rounds", disk.run),
    "model": Part("two connections beside a dict", 5000, 200_000, "steps", model.run),
    "parsers": Part("hostile texts to every parser", 300, 20_000, "texts each", parsers.run),
    "soak": Part("two servers, for a long time", 60, 3600, "seconds", soak.run),
}
