"""Client order ids."""

import re

from hypothesis import given
from hypothesis import strategies as st

from bot.planning.identity import client_order_id, is_own

TEXT = st.text(min_size=1, max_size=20)


@given(TEXT, TEXT, TEXT, TEXT, st.integers(0, 2**31))
def test_an_id_fits_every_venue(account: str, rule: str, target: str, episode: str, number: int) -> None:
    found = client_order_id(account, rule, target, episode, number)
    assert re.fullmatch(r"reef[a-z2-7]{26}", found)
    assert found == client_order_id(account, rule, target, episode, number)
    assert found != client_order_id(account, rule, target, episode, number + 1)
    assert is_own(found)


def test_a_known_id_stays_the_same() -> None:
    assert client_order_id("main", "cap", "main", "cap.1", 0) == "reef6d5qwybldbljxjrca4jej5nrsw"
    assert not is_own("web-1")
    assert is_own("other-1", "other")
