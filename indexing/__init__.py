"""Things become searchable: submitted, parsed, chunked, embedded, published by one flip, projected into the engine."""
