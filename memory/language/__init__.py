"""English as people type it: sentences, dates and stretches of time. Knows nothing of memory."""
