"""One receipt in other formats, for who already has a verifier of theirs."""
