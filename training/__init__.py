"""Programs that make what the gateway ships; they are not part of the wheel."""
