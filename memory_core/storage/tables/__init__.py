"""The tables of a scope file, each with what can be done to its rows."""
