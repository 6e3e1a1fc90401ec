"""The operations, one module a noun. Each is a line in a table: no logic of a feature is here."""
