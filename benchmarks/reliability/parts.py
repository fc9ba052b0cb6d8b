"""Every part by its name, with the sizes of its two forms."""

from . import kills
from .part import Part

PARTS: dict[str, Part] = {
    "kills": Part("kill -9 amid mixed work over stdio", 30, 1000, "kills", kills.run),
}
