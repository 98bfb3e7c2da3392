"""Sans-io dialects: how each provider's API frames, names and refuses things."""
