"""`python -m mdsa_server`: the `mdsa` command."""

from mdsa_server.cli import main

main()
