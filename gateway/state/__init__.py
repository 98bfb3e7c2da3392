"""Counters shared by workers and nodes: in memory, in Redis, and what holds while it is away."""
