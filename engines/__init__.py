"""Candidate search: rows in, two ranked lists of row keys out. Engines propose; what may be returned is decided elsewhere."""
