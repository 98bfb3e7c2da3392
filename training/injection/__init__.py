"""Trains the injection scorer: generators of texts, the corpus, the fit and its report."""
