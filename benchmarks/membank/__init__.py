"""MemBank's five benchmarks and its levels, with the same rules."""
