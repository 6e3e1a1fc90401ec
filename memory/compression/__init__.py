"""A conversation in as many tokens as there is room for, every sentence with the words that it stands on."""
