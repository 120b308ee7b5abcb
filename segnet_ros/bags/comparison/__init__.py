"""Where two models disagree on recordings."""
