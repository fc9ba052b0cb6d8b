"""The word index, and the outlines of items."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..contract import Outlines
from ..outlines import read
from ..word_index import WordIndex
from .table import Table


class Words(Table):
    """See `contract.Words`."""

    _words: WordIndex

    def outlines(self, items: Sequence[int] | None) -> Outlines:
        with self.db.reading():
            return read(self.db, items)

    def postings(self, words: Sequence[str], most: int) -> list[NDArray[np.int64] | None]:
        return self._words.postings(words, most)
