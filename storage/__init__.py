"""The records: the truth everything searchable is derived from. The one room that knows SQL; SQLite or Postgres."""
