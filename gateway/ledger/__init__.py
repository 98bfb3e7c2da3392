"""Receipts on disk: the workers' journals, the sequencer that signs, the ledgers that keep them."""
