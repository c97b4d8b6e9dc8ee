"""The arithmetic of inverse contracts: sized in USD, and all money in the coin that the price is of.

A long of Q USD from p is worth Q / p - Q / x coins more at x: it gains few coins where the price is high, and
loses many where it is low. In USD at x that is Q (x / p - 1), as if Q / p coins were held.
"""

from decimal import Decimal


def value(qty: Decimal, price: Decimal) -> Decimal:
    """What contracts are worth in coins."""
    return qty / price


def profit(qty: Decimal, entry: Decimal, price: Decimal) -> Decimal:
    """What a signed quantity has gained since its entry, in coins."""
    return qty / entry - qty / price if qty else qty


def blended(first: Decimal, at: Decimal, second: Decimal, price: Decimal) -> Decimal:
    """The entry price of two quantities together: the one at which both are worth what they were."""
    if not first:
        return price
    return (first + second) / (first / at + second / price)
