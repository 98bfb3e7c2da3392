"""Listeners, connections and the processes that own them."""
