"""Recordings of labels."""
