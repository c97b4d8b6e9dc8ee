"""The account on its way through a shock: positions, collateral and margin, as numbers that change.

Unlike `bot.risk.shock` it trades on the way: positions are cut, costs are paid, margin is added. Profit of an
inverse position goes into the coin that it is settled in, which makes every sum exact at every price.
"""

from collections.abc import Iterable
from copy import copy
from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from bot.model import Market, Position, Snapshot, Tier
from bot.risk.assemble import half_spread_of
from bot.risk.margin import brackets_of, maintenance_of
from bot.risk.portfolio import Bracket, Coin, Holding, Portfolio
from bot.risk.terms import VenueTerms
from bot.stress.papers import Paper, open_papers

TINY = 1e-9
DEFAULT_LEVERAGE = 10.0


class Leg(Struct):
    """One position. Money in USD."""

    position: Position
    """As it was seen, for what does not change."""
    market: Market
    tiers: tuple[Tier, ...]
    brackets: tuple[Bracket, ...]
    contracts: Decimal
    size: float
    """Coins; USD of an inverse position."""
    price: float
    """Mark price now."""
    equity: float | None
    """Isolated margin with its own profit; None in cross margin."""
    excess: float
    """Maintenance margin that the venue asks above the brackets, for one of `size`."""
    half_spread: float
    stop: float | None
    """Trigger of the stop that rests at the venue."""

    @property
    def key(self) -> str:
        """Identity of the position."""
        return self.position.key

    @property
    def sign(self) -> int:
        """+1 long, -1 short."""
        return self.position.side.sign

    @property
    def leverage(self) -> float:
        """Leverage that is set at the venue, 10 where it is not known."""
        given = self.position.leverage
        return float(given) if isinstance(given, Decimal) and given >= 1 else DEFAULT_LEVERAGE

    @property
    def inverse(self) -> bool:
        """Whether it is sized in USD."""
        return self.position.inverse

    def value(self, price: float) -> float:
        """What it is worth at a price."""
        return self.size if self.inverse else self.size * price

    def gain(self, price: float) -> float:
        """What it gains on the way from its present price."""
        if self.inverse:
            return self.sign * self.size * (price / self.price - 1.0)
        return self.sign * self.size * (price - self.price)

    def profit(self, price: float) -> float:
        """What an inverse position has gained since entry, in USD at a price; 0 where entry is not known."""
        entry = self.position.entry_price
        if not isinstance(entry, Decimal) or entry <= 0:
            return 0.0
        return self.sign * self.size * (price / float(entry) - 1.0)

    def settles_in(self, coin: str) -> bool:
        """Whether its profit comes in a coin of the wallet."""
        return self.inverse and self.market.settle == coin

    def asked(self, price: float) -> float:
        """Maintenance margin at a price."""
        if not self.inverse:
            needed = maintenance_of(self.brackets, self.size * price)
        elif price > 0.0:
            needed = price * maintenance_of(self.brackets, self.size / price)
        else:
            needed = self.brackets[0].rate * self.size
        return needed + self.excess * self.size

    def cut(self, contracts: Decimal) -> float:
        """Make it smaller by contracts; returns the share of it that is gone."""
        gone = min(contracts, self.contracts)
        share = float(gone / self.contracts) if self.contracts else 0.0
        self.contracts -= gone
        self.size = float(self.contracts * self.position.contract_size)
        return share


class Purse(Struct):
    """A coin of the wallet that moves with the market."""

    worth: float
    """With the profit of open positions that settle in it."""
    haircut: float = 0.0
    """Share of what is held of it, open profit aside, that is no margin."""

    def margin(self, worth: float, profit: float) -> float:
        """What counts as margin of so much, of which `profit` is open; what is owed counts in full."""
        return worth - self.haircut * max(worth - profit, 0.0)


class Account(Struct):
    """Everything that a shock can change. Cross figures hold no isolated margin."""

    legs: dict[str, Leg]
    cash: float
    """Cross equity in coins that do not move, options aside."""
    margin: float
    """What of `cash` counts as margin."""
    coins: dict[str, Purse]
    excess: float
    """Maintenance margin that the venue asks of the account above that of its positions."""
    available: float | None
    """Free margin at the start, None where it is not known."""
    papers: dict[str, Paper] = field(default_factory=dict)
    """Options, by key."""
    balance_before: float = 0.0
    """Cross margin balance at the start."""
    initial_before: float = 0.0
    """Initial margin at the start."""
    includes_isolated: bool = True
    """Whether the margin balance that the venue states holds the isolated positions."""
    spent: float = 0.0
    """What trading and funding cost so far."""
    moved_out: float = 0.0
    """What was moved out of reach."""
    cuts: dict[str, float] = field(default_factory=dict)
    """Share that coins that do not move are worth less by now: what is paid in them weighs that much less."""
    cancelled: set[str] = field(default_factory=set)
    """Orders that are gone."""

    def copy(self) -> "Account":
        """Return an account of its own that stands where this one stands."""
        return replace(
            self,
            legs={key: copy(leg) for key, leg in self.legs.items()},
            coins={coin: copy(purse) for coin, purse in self.coins.items()},
            papers={key: paper.copy() for key, paper in self.papers.items()},
            cancelled=set(self.cancelled),
        )

    @property
    def held(self) -> list[Leg]:
        """Positions that are open."""
        return [leg for leg in self.legs.values() if leg.contracts]

    @property
    def cross(self) -> list[Leg]:
        """Those in cross margin."""
        return [leg for leg in self.legs.values() if leg.contracts and leg.equity is None]

    @property
    def equity(self) -> float:
        """All that there is."""
        total = self.cash + sum(purse.worth for purse in self.coins.values())
        total += sum(one.value * self._kept(one.market.settle) for one in self.papers.values())
        return total + sum(leg.equity or 0.0 for leg in self.legs.values())

    @property
    def balance(self) -> float:
        """Cross margin balance."""
        return self.margin + sum(self.margin_of(coin) for coin in self.coins)

    def margin_of(self, coin: str) -> float:
        """What of a coin counts as margin."""
        purse = self.coins.get(coin)
        if purse is None:
            return 0.0
        open_profit = sum(leg.profit(leg.price) for leg in self.cross if leg.settles_in(coin))
        return purse.margin(purse.worth, open_profit)

    @property
    def upkeep(self) -> float:
        """Maintenance margin of the cross positions."""
        return self.excess + sum(leg.asked(leg.price) for leg in self.cross)

    @property
    def gross(self) -> float:
        """Value of all positions."""
        return sum(leg.value(leg.price) for leg in self.held)

    @property
    def ratio(self) -> float | None:
        """Margin ratio, the worst of cross and isolated; 1 is liquidation, None where nothing is left."""
        pairs = [(leg.asked(leg.price), leg.equity) for leg in self.held if leg.equity is not None]
        if self.cross:
            pairs.append((self.upkeep, self.balance))
        if any(behind <= 0.0 < asked for asked, behind in pairs):
            return None
        return max((asked / behind for asked, behind in pairs), default=0.0)

    @property
    def free(self) -> float:
        """Free margin: as it was, with what cross margin gained, less what the positions ask for at first."""
        if self.available is None:
            return 0.0
        return self.available + self.balance - self.balance_before - (self.initial - self.initial_before)

    @property
    def initial(self) -> float:
        """Initial margin of the cross positions at the leverage that is set."""
        return sum(leg.value(leg.price) / leg.leverage for leg in self.cross)

    def earn(self, leg: Leg, amount: float) -> None:
        """Book profit, or with a minus a cost, where the position's margin is."""
        if leg.equity is not None:
            leg.equity += amount
        elif leg.inverse:
            self.purse(leg.market.settle).worth += amount
        else:
            self.receive(amount)

    def pay(self, leg: Leg, amount: float) -> None:
        """Pay a cost."""
        self.spent += amount
        self.earn(leg, -amount * self._kept(leg.market.settle))

    def exchange(self, paper: Paper, contracts: Decimal, cost: float) -> None:
        """Pay for contracts of an option that are bought; with a minus, take what those that are sold bring.

        They go at their worth; `cost` is what is lost beside it.
        """
        paper.contracts += contracts
        self.spent += cost
        self.receive(-(paper.worth_of(contracts) + cost) * self._kept(paper.market.settle))

    def _kept(self, coin: str) -> float:
        """What one of a coin that does not move is worth by now, of what it was."""
        return 1.0 - self.cuts.get(coin, 0.0)

    def purse(self, coin: str) -> Purse:
        """Return a coin's purse, an empty one where the wallet has none."""
        return self.coins.setdefault(coin, Purse(0.0))

    def close(self, leg: Leg, contracts: Decimal, cost: float) -> None:
        """Close a part of a position: isolated margin comes back in proportion, less what it cost."""
        share = leg.cut(contracts)
        if leg.equity is None:
            self.pay(leg, cost)
            return
        freed = leg.equity * share
        leg.equity -= freed
        self.spent += cost
        self.receive(freed - cost)

    def receive(self, amount: float) -> None:
        """Take money into the cross balance."""
        self.cash += amount
        self.margin += amount


def leg_of(position: Position, holding: Holding, snapshot: Snapshot, terms: VenueTerms) -> Leg:
    """Turn a position that could be read into a leg."""
    market, tiers = snapshot.markets[position.symbol], snapshot.tiers[position.symbol]
    size = float(position.contracts * position.contract_size)
    fee = float(market.taker_fee) if terms.close_fee_in_maintenance else 0.0
    stop = position.stop_price
    return Leg(
        position=position,
        market=market,
        tiers=tiers,
        brackets=brackets_of(tiers, fee),
        contracts=position.contracts,
        size=size,
        price=holding.price,
        equity=holding.isolated_equity,
        excess=holding.maintenance_excess / size,
        half_spread=half_spread_of(snapshot.marks.get(position.symbol)),
        stop=float(stop) if isinstance(stop, Decimal) and stop > 0 else None,
    )


def open_account(snapshot: Snapshot, portfolio: Portfolio, terms: VenueTerms) -> Account | str:
    """Return the account as it stands, or why it cannot be followed through a shock."""
    if portfolio.hidden is not None:
        return portfolio.hidden.reason
    equity, margin = portfolio.equity, portfolio.margin_balance
    if not isinstance(equity, float):
        return equity.reason
    if not isinstance(margin, float):
        return margin.reason
    held = {position.key: position for position in snapshot.positions}
    legs = {one.key: leg_of(held[one.key], one, snapshot, terms) for one in portfolio.holdings}
    coins = {one.base: Purse(one.worth, _haircut(one, legs.values())) for one in portfolio.coins}
    papers = open_papers(snapshot, portfolio)
    apart = sum(one.isolated_equity or 0.0 for one in portfolio.holdings)
    optional = sum(one.value for one in papers.values())
    includes = terms.balance_includes_isolated and not _leaves_out(snapshot, equity - optional, apart)
    if terms.balance_includes_isolated and not includes:
        margin += apart
    opened = Account(
        legs=legs,
        cash=equity - apart - optional - sum(one.worth for one in portfolio.coins),
        margin=margin - sum(one.margin for one in portfolio.coins),
        coins=coins,
        excess=portfolio.maintenance_excess,
        includes_isolated=includes,
        available=portfolio.available if isinstance(portfolio.available, float) else None,
        papers=papers,
    )
    return replace(opened, balance_before=opened.balance, initial_before=opened.initial)


def _leaves_out(snapshot: Snapshot, equity: float, apart: float) -> bool:
    """Whether the stated margin balance is equity without the isolated positions, to the last dollar; without
    options, which stand behind no margin.

    A guard takes them off it all the same, which is the careful side; the venue does not liquidate by that.
    """
    stated = snapshot.balance.margin_balance
    return isinstance(stated, Decimal) and apart > 1.0 and abs(float(stated) - (equity - apart)) < 1.0


def _haircut(coin: Coin, legs: Iterable[Leg]) -> float:
    open_profit = sum(leg.profit(leg.price) for leg in legs if leg.settles_in(coin.base))
    held = coin.worth - open_profit
    return (coin.worth - coin.margin) / held if held > 0.0 else 0.0


def same_base(legs: Iterable[Leg], base: str) -> list[Leg]:
    """Return the cross positions that move with a base."""
    return [leg for leg in legs if leg.market.base == base and leg.equity is None and leg.contracts]
