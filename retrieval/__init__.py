"""A question becomes context: candidates from the engine, fused, checked against the records, packed for an agent."""
