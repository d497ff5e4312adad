"""``python -m homutune.cli``: the command line where the script is not installed."""

from homutune.cli import main

main()
