"""Carries the steps of a plan out on the account of a stress, at the cost that the plan gives them."""

from decimal import Decimal

from msgspec.structs import replace

from bot.decision import DecisionInput
from bot.model import (
    CancelRequest,
    ConvertRequest,
    MarginMode,
    MarginRequest,
    Market,
    OptionPosition,
    OrderRequest,
    Position,
    Step,
    StepKind,
    StopRequest,
    TransferRequest,
    Unknown,
    Usage,
    begun,
    option_base,
    position_key,
)
from bot.risk.assemble import half_spread_of
from bot.risk.margin import brackets_of
from bot.risk.options import perpetual_of
from bot.risk.terms import VenueTerms
from bot.stress.account import Account, Leg
from bot.stress.papers import Paper

_NEW = Unknown("it was opened in the stress")


class Porter:
    """One account whose plan is carried out."""

    def __init__(self, account: Account, given: DecisionInput, terms: VenueTerms) -> None:
        """Take the account and the input at the start; `given` follows what is done."""
        self.account = account
        self.given = given
        self._terms = terms

    def carry(self, step: Step, shown: DecisionInput) -> bool:
        """Carry a step out; False for one that a stress does not know. `shown` is what it was planned on."""
        request = step.request
        match request:
            case OrderRequest():
                self._order(step, request, shown)
            case StopRequest():
                leg = self.account.legs.get(position_key(request.symbol, request.position_side))
                if leg is not None:
                    leg.stop = float(request.trigger_price)
                    self._own_stop(leg, request.trigger_price)
            case CancelRequest():
                self.account.cancelled.add(request.order_id)
            case MarginRequest():
                leg = self.account.legs[position_key(request.symbol, request.position_side)]
                leg.equity = (leg.equity or 0.0) + float(request.amount)
                self.account.receive(-float(request.amount))
            case TransferRequest():
                self.account.receive(-float(request.amount))
                self.account.moved_out += float(request.amount)
            case ConvertRequest():
                worth = float(request.amount * request.worth)
                self.account.purse(request.coin).worth -= worth
                self.account.receive(worth - step.cost)
                self.account.spent += step.cost
            case _:
                return step.kind is StepKind.LOWER_LEVERAGE
        self._used(step)
        return True

    @property
    def orphans(self) -> bool:
        """Whether a hedge stands whose parent is gone."""
        held = {leg.key for leg in self.account.held}
        return any(lot.contracts and lot.parent not in held for lot in self.given.hedges)

    def follow(self) -> None:
        """Let hedges be no more than what the venue left of their positions; what it took is not opened anew.

        Options stay: no stop rests on them and nothing liquidates them.
        """
        left = {leg.key: leg.contracts for leg in self.account.legs.values()}
        lots = []
        for lot in sorted(self.given.hedges, key=lambda one: one.opened_at):
            if lot.is_option:
                lots.append(lot)
                continue
            there = left.get(lot.key, Decimal(0))
            stays = min(lot.contracts, there)
            left[lot.key] = there - stays
            gone = stays < lot.contracts
            lots.append(replace(lot, contracts=stays, lost_at=self.given.at) if gone else lot)
        self.given = replace(self.given, hedges=tuple(lots))

    def close_at_stop(self, leg: Leg, cost: float) -> None:
        """Close a position whose stop was reached."""
        self.account.close(leg, leg.contracts, cost)
        leg.stop = None

    def _order(self, step: Step, request: OrderRequest, shown: DecisionInput) -> None:
        key = position_key(request.symbol, request.position_side)
        if option_base(request.symbol) is not None:
            self._option(key, step, request, shown)
            return
        if request.opens:
            leg = self.account.legs.get(key) or self._opened(request, shown)
            self.account.legs[key] = leg
            leg.contracts += request.contracts
            leg.size = float(leg.contracts * leg.position.contract_size)
            self.account.pay(leg, step.cost)
            self._hedged(step, request)
            return
        leg = self.account.legs[key]
        contracts = min(request.contracts, leg.contracts)
        self.account.close(leg, contracts, step.cost)
        if step.kind is StepKind.UNWIND:
            self._unwound(key, step, contracts)

    def _option(self, key: str, step: Step, request: OrderRequest, shown: DecisionInput) -> None:
        papers = self.account.papers
        if request.opens:
            paper = papers.get(key) or self._bought(request, shown)
            papers[key] = paper
            self.account.exchange(paper, request.contracts, step.cost)
            self._hedged(step, request)
            return
        paper = papers[key]
        contracts = min(request.contracts, paper.contracts)
        self.account.exchange(paper, -contracts, step.cost)
        if step.kind is StepKind.UNWIND:
            self._unwound(key, step, contracts)

    def _bought(self, request: OrderRequest, shown: DecisionInput) -> Paper:
        base = option_base(request.symbol) or ""
        market = self.given.surroundings.chains[base].markets[request.symbol]
        there = shown.surroundings.chains[base].quotes[request.symbol]
        mark, vol, forward = there.mark, there.iv, there.underlying
        assert isinstance(mark, Decimal)  # nothing is bought without them
        assert isinstance(vol, Decimal)
        assert isinstance(forward, Decimal)
        position = self._new(request, market.market, request.price or mark)
        return Paper(
            held=OptionPosition(
                position, market, self.given.surroundings.chains[base].quotes[request.symbol]
            ),
            follows=perpetual_of(market, shown.snapshot),
            contracts=Decimal(0),
            forward=float(forward),
            vol=float(vol),
            years=market.years_left(shown.snapshot.times.positions),
        )

    def _new(self, request: OrderRequest, market: Market, price: Decimal) -> Position:
        return Position(
            symbol=request.symbol,
            side=request.position_side,
            contracts=request.contracts,
            contract_size=market.contract_size,
            entry_price=price,
            mark_price=price,
            margin_mode=MarginMode.CROSS,
            leverage=_NEW,
            position_index=request.position_index,
            isolated_margin=None,
            unrealised_pnl=Decimal(0),
            maintenance_margin=_NEW,
            liquidation_price=_NEW,
            stop_price=None,
            updated_at=self.given.at,
            inverse=not market.linear,
        )

    def _opened(self, request: OrderRequest, shown: DecisionInput) -> Leg:
        snapshot = shown.snapshot
        market, mark = snapshot.markets[request.symbol], snapshot.marks[request.symbol]
        tiers = snapshot.tiers[request.symbol]
        price = mark.mark if isinstance(mark.mark, Decimal) else Decimal(0)
        fee = float(market.taker_fee) if self._terms.close_fee_in_maintenance else 0.0
        return Leg(
            position=self._new(request, market, price),
            market=market,
            tiers=tiers,
            brackets=brackets_of(tiers, fee),
            contracts=Decimal(0),
            size=0.0,
            price=float(price),
            equity=None,
            excess=0.0,
            half_spread=half_spread_of(mark),
            stop=None,
        )

    def _hedged(self, step: Step, request: OrderRequest) -> None:
        link = step.hedge
        if link is None:
            return
        new = begun(request, link, step.rule, step.episode, self.given.at)
        lot = next((one for one in self.given.hedges if one.name == new.name), new)
        lot = lot.more(request.contracts, link, step.episode, self.given.at)
        others = tuple(one for one in self.given.hedges if one.name != lot.name)
        self.given = replace(self.given, hedges=(*others, lot))

    def _unwound(self, key: str, step: Step, contracts: Decimal) -> None:
        link = step.hedge
        if link is None:
            return
        name = key, link.parent, step.rule
        lots = [lot.less(contracts, link) if lot.name == name else lot for lot in self.given.hedges]
        self.given = replace(self.given, hedges=tuple(lot for lot in lots if lot.most or lot.lost_at))

    def _own_stop(self, leg: Leg, trigger: Decimal) -> None:
        self.given = replace(self.given, own_stops={**self.given.own_stops, leg.key: trigger})

    def _used(self, step: Step) -> None:
        """Count what the caps count."""
        if step.kind is StepKind.PROTECT:
            return
        usage, request = self.given.usage, step.request
        margin, secured = dict(usage.margin_today), dict(usage.secured_today)
        if isinstance(request, MarginRequest):
            margin[step.rule] = margin.get(step.rule, Decimal(0)) + request.amount
        if isinstance(request, TransferRequest):
            secured[step.rule] = secured.get(step.rule, Decimal(0)) + request.amount
        trades = isinstance(request, OrderRequest)
        self.given = replace(
            self.given,
            usage=Usage(
                actions_last_hour=usage.actions_last_hour + 1,
                notional_today=usage.notional_today + (Decimal(repr(step.notional)) if trades else 0),
                loss_today=usage.loss_today + Decimal(repr(step.cost)),
                margin_today=margin,
                secured_today=secured,
            ),
        )
