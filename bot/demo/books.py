"""What the exchange's own books show of an account's hedges, look by look: what is judged at the end."""

from decimal import Decimal

from msgspec import Struct

from bot.demo.venue import AccountState

ZERO = Decimal(0)
QUOTE = "USDT"


class Stand(Struct, frozen=True):
    """What stands of one coin, in coins."""

    long: Decimal
    hedge: Decimal
    """Shorts, and puts counted whole, as if the price had gone to nothing."""
    net: Decimal
    """The long less shorts, and puts by their delta."""


class Books(Struct):
    """What all looks at the books of one account come to."""

    least: dict[str, Decimal] = {}
    """The least that a long and its hedges came to together, in coins, for each coin that ever was hedged."""
    turned: set[str] = set()
    """Coins that a look showed sold short by their hedges, or hedged beyond their long."""
    left: tuple[str, ...] = ()
    """Coins that were hedged at the last look."""
    paid: Decimal = ZERO
    """The largest share of equity that the puts held had cost, at looks that showed more than the last."""
    held: dict[str, Decimal] = {}
    """Sizes of the puts at the last look."""

    @property
    def right(self) -> bool:
        """Whether no coin was ever turned, and nothing of the hedges is left."""
        return not self.turned and not self.left

    def add(self, account: AccountState) -> None:
        """Take one more look."""
        stands = {coin: stand_of(account, coin) for coin in _coins(account)}
        hedged = {coin: one for coin, one in stands.items() if one.hedge}
        for coin, one in hedged.items():
            self.least[coin] = min(one.net, self.least.get(coin, one.net))
            if one.net < 0 or one.hedge > one.long:
                self.turned.add(coin)
        self.left = tuple(hedged)
        self._premiums(account)

    def _premiums(self, account: AccountState) -> None:
        before, equity = self.held, account.wallet.equity
        self.held = {one.contract.symbol: one.size for one in account.options if one.size}
        bought = any(size > before.get(symbol, ZERO) for symbol, size in self.held.items())
        if bought and equity > 0:
            cost = sum((one.size * one.entry_price for one in account.options), ZERO)
            self.paid = max(self.paid, cost / equity)


def stand_of(account: AccountState, coin: str) -> Stand:
    """How an account stands in one coin."""
    mine = [one for one in account.positions if one.symbol == f"{coin}{QUOTE}"]
    short = sum((one.size for one in mine if one.side == "sell"), ZERO)
    long = sum((one.size for one in mine), ZERO) - short
    puts = [one for one in account.options if one.contract.base == coin]
    whole = sum((one.size for one in puts), ZERO)
    delta = sum((one.greeks.delta for one in puts), ZERO)
    return Stand(long, short + whole, long - short + delta)


def _coins(account: AccountState) -> list[str]:
    named = {one.symbol.removesuffix(QUOTE) for one in account.positions if one.size}
    return sorted(named | {one.contract.base for one in account.options if one.size})
