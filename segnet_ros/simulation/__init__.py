"""Rendered street scenes with exact labels."""
