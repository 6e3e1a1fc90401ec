"""Who said what, when, in which order: conversations written down, found at once, and taken out again."""
