"""The frames worth labelling."""
