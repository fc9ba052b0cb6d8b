"""More than a context holds: compression, what survives it, and half a million conversations."""
