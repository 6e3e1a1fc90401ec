"""What holds, since when, and who says so: facts learned by rules or stated, behind one gate."""
