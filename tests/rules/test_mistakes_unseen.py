"""Mistakes in `gates` and `if_blind`: each is told with its place and what to write instead."""

import pytest

from tests.rules.test_mistakes import DURATION, of_rule

BLIND_WORDS = "notify, protect, halt"
BLIND = "a list such as [notify, protect]"
NOT_SEEN = (
    "is made from what is seen, and nothing is: it could be wrong in size or side; "
    f"expected some of {BLIND_WORDS}"
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"gates": "of"}, ["gates: 'of' is not known; expected one of on, off (did you mean 'off'?)"]),
        ({"gates": "false"}, ["gates: false is not known; expected one of on, off (write off)"]),
        ({"gates": "true"}, ["gates: true is not known; expected one of on, off (write on)"]),
        ({"gates": "[off]"}, ["gates: a list is not known; expected one of on, off"]),
        ({"if_blind": "halt"}, ["if_blind: 'halt' is not right; expected a mapping"]),
        (
            {"if_blind": "{after: 60s}"},
            ["'if_blind.do' is missing: what may be done while nothing can be seen; expected " + BLIND],
        ),
        (
            {"if_blind": "{after: 60, do: [notify]}"},
            [f"if_blind.after: 60 has no unit; {DURATION} (write 60s for seconds)"],
        ),
        (
            {"if_blind": "{after: 2d, do: [notify]}"},
            ["if_blind.after: '2d' is out of range; expected 0s to 1d"],
        ),
        ({"if_blind": "{aftr: 60s, do: [notify]}"}, ["unknown key 'aftr' (did you mean 'after'?)"]),
        (
            {"if_blind": "{do: notify}"},
            [f"if_blind.do: 'notify' is not a list; expected {BLIND} (write [notify])"],
        ),
        ({"if_blind": "{do: 5}"}, [f"if_blind.do: 5 is not a list; expected {BLIND}"]),
        ({"if_blind": "{do: []}"}, ["if_blind.do: the list is empty (leave if_blind out to wait)"]),
        ({"if_blind": "{do: [halt, halt]}"}, ["if_blind.do: 'halt' is given twice"]),
        (
            {"if_blind": "{do: [trim, close_all, hedge, haltt, 5]}"},
            [
                f"if_blind.do: trim {NOT_SEEN}",
                f"if_blind.do: close_all {NOT_SEEN}",
                f"if_blind.do: hedge {NOT_SEEN}",
                f"if_blind.do: 'haltt' is not known; expected one of {BLIND_WORDS} (did you mean 'halt'?)",
                f"if_blind.do: 5 is not known; expected one of {BLIND_WORDS}",
            ],
        ),
        (
            {
                "metric": "account.concentration",
                "max": "60%",
                "restore": "50%",
                "do": "[notify]",
                "if_blind": "{do: [notify, halt]}",
            },
            ["if_blind.do: account.concentration is for alerts only, it cannot halt; expected [notify]"],
        ),
    ],
)
def test_mistakes_of_a_rule(fields: dict[str, str], expected: list[str]) -> None:
    assert of_rule(**fields) == expected
