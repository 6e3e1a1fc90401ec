"""What a user wants gone goes, from every place, and it can be shown."""
