"""Running text as people type it: typographic marks made plain without moving a character."""

# One code point for one, so that spans found in the plain text hold in the original.
_PLAIN = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u02bc": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2010": "-",
        "\u2011": "-",
        "\u2012": "-",
        "\u2013": "-",
        "\u2212": "-",
        "\u00a0": " ",
        "\u2009": " ",
        "\u202f": " ",
        "\t": " ",
    }
)


def plain(text: str) -> str:
    """The same text with straight quotes, hyphens and spaces, of the same length."""
    return text.translate(_PLAIN)
