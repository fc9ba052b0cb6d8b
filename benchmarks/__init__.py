"""Measurements. Not in the wheel, not in the tests."""
