"""Faults that really happen, done to the real server: what was lost, and how often."""
