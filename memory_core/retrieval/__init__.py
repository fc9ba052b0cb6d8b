"""Pure steps of recall."""
