"""An embedder that is loaded when it is first needed, once per process."""

import threading
import time
from collections.abc import Callable

from ..errors import EmbedderError, RoutememError
from . import load_embedder
from .embedder import Embedder

#: Seconds after which a model that failed to load is tried again.
RETRY = 60.0


class LazyEmbedder:
    """Calls ``load`` on first use and keeps the result; a failure is kept for `RETRY` seconds.

    Args:
        load: makes the embedder; slow (imports the runtime and reads the weights).
    """

    @classmethod
    def of(cls, given: str | Embedder) -> "LazyEmbedder":
        """From a spec of `load_embedder`, an embedder, or ``none`` for no search by meaning."""
        return cls(lambda: _load(given) if isinstance(given, str) else given)

    def __init__(self, load: Callable[[], Embedder]) -> None:
        self._load = load
        self._guard = threading.Lock()
        self._loaded: Embedder | None = None
        self._failed: tuple[float, EmbedderError] | None = None

    def __call__(self) -> Embedder:
        """The embedder.

        Raises:
            EmbedderError: it cannot be loaded.
        """
        if self._loaded is None:
            with self._guard:
                if self._loaded is None:
                    self._loaded = self._try()
        return self._loaded

    @property
    def loaded(self) -> Embedder | None:
        """The embedder if it has been loaded."""
        return self._loaded

    def _try(self) -> Embedder:
        if self._failed and time.monotonic() - self._failed[0] < RETRY:
            raise self._failed[1]
        try:
            return self._load()
        except EmbedderError as error:
            self._failed = (time.monotonic(), error)
            raise
        except RoutememError:
            raise
        except Exception as error:  # a broken model must not take the memories with it
            failure = EmbedderError(
                f"The embedding model cannot be loaded ({type(error).__name__}: {error}). "
                "Memories are stored and found by their words; run `routemem doctor`."
            )
            self._failed = (time.monotonic(), failure)
            raise failure from error


def _load(spec: str) -> Embedder:
    if spec.strip().lower() == "none":
        raise EmbedderError("No embedding model is configured (embedder is `none`).")
    return load_embedder(spec)
