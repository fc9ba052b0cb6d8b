"""One file per toolset."""
