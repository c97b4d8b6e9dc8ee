"""The daemon lets the collector look less often."""

import gc

from bot.daemon import collector


def test_what_is_loaded_is_passed_by() -> None:
    known = gc.get_threshold()
    gc.set_threshold(700)
    try:
        collector.spare()
        assert gc.get_threshold()[0] == collector.THRESHOLD
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*known)
