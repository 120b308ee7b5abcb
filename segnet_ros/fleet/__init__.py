"""Jobs on many recordings, on the workers of a Ray cluster."""
