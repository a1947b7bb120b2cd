"""Serves search.latency_table: the operators of a space, timed once, and networks as their sums."""
