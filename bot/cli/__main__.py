"""`python -m bot.cli` is `reef`."""

from bot.cli import main

main()
