"""A conversation becomes what is still known: sessions, windows, summaries, facts, recall, and real forgetting."""
