"""Measurements, each a program that prints what it found and writes it down. Not in the wheel."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one thread, as in a server; before numpy
