"""Files become canonical text with structure. Formats are read here and nowhere else; `pool` runs them in killable processes."""
