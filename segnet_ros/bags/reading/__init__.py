"""Files of recordings, of every kind and in any state."""
