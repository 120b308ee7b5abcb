"""Labelled frames: where they lie, what their labels mean, and how they are read."""
