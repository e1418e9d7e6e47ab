"""``python -m client.cli`` is ``tally``."""

from client.cli import main

main()
