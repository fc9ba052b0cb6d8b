"""Long-term memory for language models: the library.

    from routemem.memory_core import Memory

Names are imported on first use, so that a server can answer before numpy is loaded.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .embedding import load_embedder
    from .embedding.embedder import Embedder, Encoded
    from .errors import RoutememError
    from .lifecycle.models import Cost, Model, Models
    from .memory import Memory
    from .model_table import load_models
    from .records import (
        Context,
        Fact,
        FactChange,
        Forgotten,
        Hit,
        Item,
        Logged,
        Recall,
        Receipt,
        Status,
        Utilisation,
    )
    from .routing.codebook import Codebook
    from .routing.drift import DriftMonitor
    from .routing.hierarchy import Hierarchy
    from .routing.index import RoutingIndex
    from .routing.with_faiss import FaissIndex
    from .scopes import Scopes
    from .settings import Settings

_HOME = {
    "Codebook": "routing.codebook",
    "Context": "records",
    "Cost": "lifecycle.models",
    "DriftMonitor": "routing.drift",
    "Embedder": "embedding.embedder",
    "Encoded": "embedding.embedder",
    "Fact": "records",
    "FactChange": "records",
    "FaissIndex": "routing.with_faiss",
    "Forgotten": "records",
    "Hierarchy": "routing.hierarchy",
    "Hit": "records",
    "Item": "records",
    "Logged": "records",
    "Memory": "memory",
    "Model": "lifecycle.models",
    "Models": "lifecycle.models",
    "Recall": "records",
    "Receipt": "records",
    "RoutememError": "errors",
    "RoutingIndex": "routing.index",
    "Scopes": "scopes",
    "Settings": "settings",
    "Status": "records",
    "Utilisation": "records",
    "load_embedder": "embedding",
    "load_models": "model_table",
}

__all__ = [
    "Codebook",
    "Context",
    "Cost",
    "DriftMonitor",
    "Embedder",
    "Encoded",
    "Fact",
    "FactChange",
    "FaissIndex",
    "Forgotten",
    "Hierarchy",
    "Hit",
    "Item",
    "Logged",
    "Memory",
    "Model",
    "Models",
    "Recall",
    "Receipt",
    "RoutememError",
    "RoutingIndex",
    "Scopes",
    "Settings",
    "Status",
    "Utilisation",
    "load_embedder",
    "load_models",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
