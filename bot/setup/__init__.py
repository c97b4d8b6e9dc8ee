"""What `reef init` writes: settings, keys, rules, a service of systemd and a container."""

from bot.setup.answers import Answers, Place
from bot.setup.filling import FOLDER_OF_JOURNAL, Page, pages
from bot.setup.writing import KEPT, write_all

__all__ = ["FOLDER_OF_JOURNAL", "KEPT", "Answers", "Page", "Place", "pages", "write_all"]
