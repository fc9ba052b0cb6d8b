"""``routemem install``: write Routemem into a client's list of MCP servers, and nothing else."""

from .clients import CLIENTS
from .outcome import Outcome, install, snippet

__all__ = ["CLIENTS", "Outcome", "install", "snippet"]
