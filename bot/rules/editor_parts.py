"""The parts of a rule that say how its actions are carried out, for the JSON Schema."""

from bot.model import OrderPolicy, Stable, Wallet
from bot.rules.editor_words import (
    DURATION,
    PERCENT,
    PLAIN,
    Schema,
    list_of,
    mapping,
    one_or_many,
    told,
    words_of,
)
from bot.rules.hedges import Instrument, Place, Unwinding

_AMOUNT: Schema = {"anyOf": [*PLAIN["anyOf"], *PERCENT["anyOf"]]}


def _trim() -> Schema:
    return mapping(
        {
            "max_share": told(PERCENT, "Largest share of a position in one cycle."),
            "max_slippage": told(PERCENT, "Largest distance of a fill from mark and index price."),
            "order": told(words_of(OrderPolicy), "The order that a trim begins with."),
            "escalate_after": told(DURATION, "After this long the slippage is doubled."),
            "keep": told(
                one_or_many({"type": "string", "minLength": 1}), "Symbols that are trimmed after others."
            ),
        }
    )


def _hedge() -> Schema:
    return mapping(
        {
            "with": told(list_of(words_of(Instrument), unique=True), "What may hedge."),
            "venue": told(words_of(Place), "Where a hedge is opened."),
            "symbol": told({"type": "string", "minLength": 1}, "The perpetual that hedges: BTC/USDT:USDT."),
            "max_share": told(PERCENT, "Largest hedge, as a share of its parent's notional."),
            "max_slippage": told(PERCENT, "Largest distance of a fill from mark and index price."),
            "horizon": told(DURATION, "How long it is expected to be held, for its cost."),
            "stop": told(PERCENT, "How far from its parent's stop its own rests."),
            "unwind": told(words_of(Unwinding), "When it is closed."),
            "put": told(_option(), "Which puts may be bought against long positions."),
            "call": told(_option(), "Which calls may be bought against short positions."),
        }
    )


def _option() -> Schema:
    return mapping(
        {
            "protect_below": told(PERCENT, "How far the price may go before the strike is reached."),
            "min_days": told({"type": "integer", "minimum": 1}, "Days that it must have left when bought."),
            "max_premium": told(PERCENT, "Largest share of equity that these options may have cost."),
        }
    )


def _add_margin() -> Schema:
    return mapping(
        {
            "max_share": told(PERCENT, "Largest share of the free margin that one cycle adds."),
            "max_per_day": told(PLAIN, "USD that the rule adds in a day (UTC)."),
            "keep": told(_AMOUNT, "Free margin that stays: a share of equity, or USD."),
        }
    )


def _lower_leverage() -> Schema:
    return mapping({"to": told(PLAIN, "The leverage to set: 5 or 5x.")}, ("to",))


def _secure() -> Schema:
    return mapping(
        {
            "keep": told(_AMOUNT, "Free margin that stays: USD, or a share of equity."),
            "to": told(words_of(Wallet), "Where money goes."),
            "convert": told({"type": "boolean"}, "Whether other coins are sold for the stablecoin first."),
            "stable": told(words_of(Stable), "The stablecoin."),
            "max_per_day": told(PLAIN, "USD that the rule moves out in a day (UTC)."),
            "max_slippage": told(PERCENT, "Least price of a conversion, below what the venue values it at."),
        },
        ("keep",),
    )


ACTION_PARTS: Schema = {
    "trim": told(_trim(), "How positions are trimmed."),
    "hedge": told(_hedge(), "What positions are hedged with, and how much of them."),
    "add_margin": told(_add_margin(), "How margin is added to isolated positions."),
    "lower_leverage": told(_lower_leverage(), "Where the venue's leverage setting goes."),
    "secure": told(_secure(), "What is moved out of reach of the positions."),
}
"""The keys of a rule by the action that they belong to."""
