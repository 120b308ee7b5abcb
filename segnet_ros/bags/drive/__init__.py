"""The report of a drive."""
