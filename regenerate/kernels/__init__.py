"""Fast code, each with a plain reference in torch beside it."""
