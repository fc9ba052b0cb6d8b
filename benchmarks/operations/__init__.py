"""The Memory Framework's five operations, with its own definitions."""
