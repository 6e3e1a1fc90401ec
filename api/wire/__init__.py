"""What goes over the wire: one module a noun, and `schema`, which says how bodies are read. No transport and no rule of a
feature: converters to and from the services' own types are all there is."""
