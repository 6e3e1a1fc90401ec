"""`python -m api.cli`: the mnemic command where it is not installed."""

from api.cli import main

main()
