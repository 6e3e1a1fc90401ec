"""Models behind small interfaces: text to vectors, text to tokens. No other room knows which library runs them."""
