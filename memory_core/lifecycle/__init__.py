"""Pure policies of a memory's life."""
