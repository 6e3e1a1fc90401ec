"""One module a format, each with one `parse`. `registry` says which reads what."""
