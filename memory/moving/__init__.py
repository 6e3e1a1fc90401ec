"""A memory goes out as a bundle and comes in from one, ours or what was made of another system's."""
