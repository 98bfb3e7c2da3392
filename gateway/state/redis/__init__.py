"""Counters in Redis 7 or Valkey: one pipelined connection per server, Lua functions, leases."""
