"""The vocabulary every room shares: values and rules without I/O. It knows no database, engine, model or protocol."""
