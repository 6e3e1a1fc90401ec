"""What of all that was said answers this question."""
