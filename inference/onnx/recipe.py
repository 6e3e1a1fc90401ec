"""What the default embedder's vectors are called: the constants that name the space, without the libraries that make it."""

# Counts what convert.py does to the weights. A change there is another vector space: everything is embedded anew.
RECIPE = 1
VARIANT = "int8-dynamic"
DIMENSION = 384
TOKENS_MAX = 256  # as the model was trained and published, of the 512 positions it has
