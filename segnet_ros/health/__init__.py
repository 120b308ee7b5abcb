"""Whether pictures and labels are plausible: a camera that freezes, a network that is lost."""
