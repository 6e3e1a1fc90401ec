"""Files become canonical text with structure. Formats are read here and nowhere else, in processes that can be killed."""
