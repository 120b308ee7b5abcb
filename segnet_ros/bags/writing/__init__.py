"""New recordings, whole or absent."""
