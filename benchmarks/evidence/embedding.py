"""The bundled model for everybody in a run: no text is embedded twice."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from routemem.memory_core import load_embedder
from routemem.memory_core.embedding.embedder import Encoded, Span


class Once:
    """The bundled model; what it made of a text is kept."""

    def __init__(self) -> None:
        self._model = load_embedder("bundled")
        self.id, self.dim, self.max_tokens = self._model.id, self._model.dim, self._model.max_tokens
        self._known: dict[str, tuple[Any, ...]] = {}

    def encode(self, texts: Sequence[str]) -> Encoded:
        """See ``Embedder.encode``."""
        for text in set(texts) - self._known.keys():
            made = self._model.encode([text])
            self._known[text] = (made.vectors[0], made.tokens[0].astype(np.float16))
        found = [self._known[text] for text in texts]
        return Encoded(
            np.array([vector for vector, _ in found], np.float32).reshape(-1, self.dim),
            tuple(tokens.astype(np.float32) for _, tokens in found),
        )

    def pieces(self, text: str) -> list[Span]:
        """See ``Embedder.pieces``."""
        return self._model.pieces(text)


@contextmanager
def served(embedder: Any) -> Iterator[str]:
    """An embedder behind OpenAI's embeddings call on this machine; the address of its ``/v1``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
            vectors = embedder.encode(texts).vectors.tolist()
            told = {
                "object": "list",
                "model": asked["model"],
                "data": [
                    {"object": "embedding", "index": number, "embedding": vector}
                    for number, vector in enumerate(vectors)
                ],
                "usage": {"prompt_tokens": 0, "total_tokens": 0},
            }
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
