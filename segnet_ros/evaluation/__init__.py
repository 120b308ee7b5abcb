"""Labelled frames and the scores of a model on them."""
