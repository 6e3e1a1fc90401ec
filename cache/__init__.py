"""The same question, the same answer: exact, normalised and semantic tiers, and the proof that an answer may still be given."""
