"""What goes across the keys of one rule, and the rule as a value."""

from bot.documents import Checked, Document, KeyPath, Mistake, WordingError
from bot.model import Action, BlindAction, OrderPolicy, Sense, TrimTerms
from bot.risk.catalogue import WHEN, definition_of, market_metric
from bot.risk.market_definitions import MARKET_METRICS
from bot.risk.metrics import METRICS, MetricDefinition, Scope
from bot.rules.conditions import Condition
from bot.rules.expressions import read_expression
from bot.rules.hedges import check_hedge, hedge_terms
from bot.rules.limits import TRADING_CANNOT_MOVE, check_limit, read_limit, show_limit
from bot.rules.moves import action_mistakes, part_mistakes, terms_of
from bot.rules.named import EXPECTED_SCENARIOS
from bot.rules.ruleset import DEFAULT_TRIM, IfBlind, Match, Rule
from bot.rules.schema import DefaultsShape, MatchShape, RuleShape
from bot.rules.schema_hours import active_of

OF_POSITION = ("symbol", "side", "margin_mode")
WITHOUT_LEVEL = (
    Action.NOTIFY,
    Action.CANCEL_ORDERS,
    Action.CLOSE,
    Action.CLOSE_ALL,
    Action.LOWER_LEVERAGE,
    Action.SECURE,
    Action.PROTECT,
    Action.HALT,
)
"""Actions that need no level to go back to: all that a condition alone or a market may permit."""
RESTORING = {Action.TRIM: "trims", Action.HEDGE: "hedges", Action.ADD_MARGIN: "adds margin"}
"""Actions that bring a metric back to a level, in words."""
OF_LIMIT = ("max", "min", "restore", "scenarios", "market")
"""Keys that say something of `metric`."""
KNOWN = {**METRICS, **MARKET_METRICS}
MOVED_BY_TRADES = METRICS.keys() - TRADING_CANNOT_MOVE


class RuleCheck:
    """Checks one rule and builds it. `mistakes` holds what is wrong beyond its shape."""

    def __init__(self, document: Document, path: KeyPath, shape: RuleShape, checked: Checked) -> None:
        self._document = document
        self._path = path
        self._shape = shape
        self._broken = checked.broken
        self._unread = checked.broken & {"max", "min"}
        self.mistakes: list[Mistake] = []

    def rule(self, defaults: DefaultsShape) -> Rule | None:
        """Return the rule, or None where something is wrong."""
        shape = self._shape
        self._missing()
        condition = self._condition()
        definition = KNOWN.get(shape.metric)
        if definition is None and (shape.when is None or self._broken & {"metric", "when"}):
            self._limit_counts("max or min", shape.when is None)
            return None
        if definition is None:
            definition = definition_of(WHEN)
            limits = self._without_metric()
        else:
            limits = self._limits(definition)
            self._market(definition)
        sense, limit, goal = limits
        of_position = self._of_position(definition, condition)
        self._actions(definition, of_position=of_position)
        self._match(definition, of_position=of_position)
        check_hedge(shape.hedge, shape.do, definition, self._add, readable="do" not in self._broken)
        self._scenarios(definition)
        self._if_blind(definition)
        if self.mistakes or self._broken or limit is None or goal is None:
            return None
        metric = shape.metric or WHEN
        if definition.scope is Scope.MARKET:
            metric = market_metric(shape.market, metric.removeprefix("market."))
        return self._built(defaults, metric, of_position, (sense, limit, goal), condition)

    def _built(
        self,
        defaults: DefaultsShape,
        metric: str,
        of_position: bool,
        limits: tuple[Sense, float, float],
        condition: Condition | None,
    ) -> Rule:
        shape = self._shape
        return Rule(
            name=shape.name,
            metric=metric,
            of_position=of_position,
            sense=limits[0],
            limit=limits[1],
            goal=limits[2],
            hold=defaults.hold if shape.hold is None else shape.hold,
            cooldown=defaults.cooldown if shape.cooldown is None else shape.cooldown,
            match=_match_of(shape.match),
            severity=shape.severity or defaults.severity,
            permits=shape.do,
            trim=_trim_of(shape),
            scenarios=shape.scenarios,
            drawdown_budget=limits[2] if metric == "account.cushion" else 0.0,
            line=self._document.place(self._path).line,
            gates=shape.gates or defaults.gates,
            hedge=hedge_terms(shape.hedge, shape.do),
            moves=terms_of(shape),
            if_blind=None if shape.if_blind is None else IfBlind(shape.if_blind.after, shape.if_blind.do),
            when=condition,
            active=None if shape.active is None else active_of(shape.active),
            inhibited_by=shape.inhibited_by,
            approve=defaults.approve if shape.approve is None else shape.approve,
        )

    def _missing(self) -> None:
        for key in ("name", "metric", "do"):
            if key in self._broken or getattr(self._shape, key):
                continue
            if key != "metric":
                self._add((), f"{key!r} is missing")
            elif self._shape.when is None and "when" not in self._broken:
                self._add((), "'metric' is missing", "", "a rule has a metric, a condition in when, or both")

    def _condition(self) -> Condition | None:
        """Read `when`; None where there is none or it is wrong."""
        if self._shape.when is None:
            return None
        condition, wrong = read_expression(self._shape.when)
        for error in wrong:
            self.mistakes.append(
                self._document.mistake_inside(
                    (*self._path, "when"), error.at, f"when: {error.what}", error.expected, error.hint
                )
            )
        return condition

    def _without_metric(self) -> tuple[Sense, float | None, float | None]:
        """Refuse what only a metric has; a condition is passed where it is above 0, and home at 0."""
        for key in OF_LIMIT:
            if getattr(self._shape, key) not in (None, "", ()):
                hint = "add metric, or take it out"
                self._add((key,), f"{key}: there is no metric that it could be of", "", hint, key=True)
        return Sense.MAX, 0.0, 0.0

    def _market(self, definition: MetricDefinition) -> None:
        """Demand `market` where a figure of a market is measured, and only there."""
        if "market" in self._broken:
            return
        if definition.scope is Scope.MARKET and not self._shape.market:
            what = f"'market' is missing: {definition.name} is of one market"
            self._add((), what, "a base currency such as BTC", "write market: BTC")
        elif definition.scope is not Scope.MARKET and self._shape.market:
            hint = f"metrics such as {next(iter(MARKET_METRICS))} use it"
            self._add(("market",), f"market: {definition.name} is of no market", "", hint, key=True)

    def _of_position(self, definition: MetricDefinition, condition: Condition | None) -> bool:
        """Whether the rule is looked at on each position."""
        asks = condition is not None and condition.of_position
        if definition.scope is Scope.POSITION:
            return True
        if asks and self._shape.metric:
            what = f"when: it asks for figures of a position, but {definition.name} is not of one"
            self._add(("when",), what, "a metric of a position, or figures of the account")
        return asks

    def _limits(self, definition: MetricDefinition) -> tuple[Sense, float | None, float | None]:
        sense = definition.sense
        of_market = definition.scope is Scope.MARKET
        if not self._limit_counts("max or min" if of_market else sense.value):
            return sense, None, None
        if of_market:
            sense = Sense.MAX if self._shape.min is None else Sense.MIN
        right = sense.value
        wrong = "min" if right == "max" else "max"
        if getattr(self._shape, right) is None:
            side = "above" if right == "max" else "below"
            what = f"{definition.name} fires {side} its limit: write {right} instead of {wrong}"
            self._add((wrong,), what, key=True)
            return sense, None, None
        limit = self._number(right, definition)
        if limit is not None:
            limit = self._checked(right, limit, definition)
        if self._shape.restore is None:
            goal = limit
            if self._trims(definition) and "restore" not in self._broken:
                hint = "at the limit itself the next small move would fire again"
                does = next(word for action, word in RESTORING.items() if action in self._shape.do)
                self._add((), f"'restore' is missing: a rule that {does} says how far", "", hint)
        else:
            goal = self._number("restore", definition)
        if limit is not None and goal is not None and self._shape.restore is not None:
            self._goal(limit, goal, definition, sense)
        return sense, limit, goal

    def _limit_counts(self, right: str, needed: bool = True) -> bool:
        """Whether exactly one of `max` and `min` is given and readable so far."""
        if self._unread == {"max", "min"}:
            return False
        written = {key for key in ("max", "min") if getattr(self._shape, key) is not None}
        given = written | self._unread
        if len(given) == 2:
            self._add(("min",), "max and min are both given", "one of them", "write two rules", key=True)
        elif not given and needed:
            self._add((), f"the limit is missing: write {right}")
        return len(given) == 1 and not self._unread

    def _number(self, key: str, definition: MetricDefinition) -> float | None:
        try:
            return read_limit(getattr(self._shape, key), definition)
        except WordingError as error:
            self._add((key,), f"{key}: {error.what}", error.expected, error.hint)
            return None

    def _checked(self, key: str, limit: float, definition: MetricDefinition) -> float | None:
        try:
            check_limit(limit, definition)
        except WordingError as error:
            self._add((key,), f"{key}: {error.what}", error.expected)
            return None
        return limit

    def _goal(self, limit: float, goal: float, definition: MetricDefinition, sense: Sense) -> None:
        is_max = sense is Sense.MAX
        there = show_limit(limit, definition)
        here = show_limit(goal, definition)
        word = "less" if is_max else "more"
        if goal == limit:
            if self._trims(definition):
                hint = "at the limit itself the next small move would fire again"
                self._add(("restore",), f"restore: {here} is the limit itself", f"{word} than {there}", hint)
        elif (goal > limit) is is_max:
            what = f"restore: {here} is on the wrong side of {sense.value} {there}"
            self._add(("restore",), what, f"{word} than {there}")

    def _trims(self, definition: MetricDefinition) -> bool:
        restores = RESTORING.keys() & set(self._shape.do)
        return bool(restores) and definition.name in MOVED_BY_TRADES

    def _actions(self, definition: MetricDefinition, *, of_position: bool) -> None:
        shape = self._shape
        for number, action in enumerate(shape.do):
            place = ("do", number)
            if definition.name not in METRICS and action not in WITHOUT_LEVEL:
                what = f"do: {action.value} needs a level to go back to, and {definition.name} gives none"
                hint = "or give a metric of the account or a position with its limit beside it"
                self._add(place, what, f"some of {', '.join(WITHOUT_LEVEL)}", hint)
            elif definition.alert_only and action is not Action.NOTIFY:
                what = f"do: {definition.name} is for alerts only, it cannot {action.value}"
                self._add(place, what, "[notify]")
            elif action is Action.TRIM and definition.name in TRADING_CANNOT_MOVE:
                hint = "use close_all or halt, or a rule on account.cushion, which acts before the loss"
                self._add(place, f"do: trimming cannot bring {definition.name} back", "", hint)
            elif action is Action.CLOSE and not of_position:
                what = f"do: {definition.name} names no position to close"
                self._add(place, what, "close_all, or a metric of a position")
            for path, what, expected in action_mistakes(number, action, definition):
                if definition.name in METRICS:
                    self._add(path, what, expected)
        for path, what, expected in part_mistakes(shape, shape.do, self._broken):
            self._add(path, what, expected, key=bool(path))
        self._trim()

    def _trim(self) -> None:
        shape, trim = self._shape, self._shape.trim
        if trim is None:
            return
        if trim.order is OrderPolicy.PASSIVE and not trim.escalate_after and "trim" not in self._broken:
            what = "trim.escalate_after: 0s leaves a passive order no time to rest"
            self._add(("trim", "escalate_after"), what, "more than 0s", "or write order: ioc")
        if Action.TRIM not in shape.do and "do" not in self._broken:
            self._add(("trim",), "trim: there is no trim in do", key=True)

    def _match(self, definition: MetricDefinition, *, of_position: bool) -> None:
        if of_position:
            return
        for key in OF_POSITION:
            if getattr(self._shape.match, key):
                what = f"match.{key}: {definition.name} is of the whole account"
                self._add(("match", key), what, "account, venue or tags", key=True)

    def _scenarios(self, definition: MetricDefinition) -> None:
        wanted = "scenarios" in definition.parameters
        if "scenarios" in self._broken:
            return
        if wanted and not self._shape.scenarios:
            self._add((), f"'scenarios' is missing: {definition.name} needs it", EXPECTED_SCENARIOS)
        elif not wanted and self._shape.scenarios and self._shape.metric:
            users = [name for name, known in METRICS.items() if "scenarios" in known.parameters]
            hint = f"{' and '.join(users)} use it"
            self._add(("scenarios",), f"scenarios: {definition.name} does not use it", "", hint, key=True)

    def _if_blind(self, definition: MetricDefinition) -> None:
        shape = self._shape.if_blind
        if shape is None:
            return
        if not shape.do:
            what = "'if_blind.do' is missing: what may be done while nothing can be seen"
            self._add(("if_blind",), what, "a list such as [notify, protect]", key=True)
        for number, action in enumerate(shape.do):
            if definition.alert_only and action is not BlindAction.NOTIFY:
                what = f"if_blind.do: {definition.name} is for alerts only, it cannot {action.value}"
                self._add(("if_blind", "do", number), what, "[notify]")

    def _add(
        self, path: KeyPath, what: str, expected: str = "", hint: str = "", *, key: bool = False
    ) -> None:
        self.mistakes.append(self._document.mistake((*self._path, *path), what, expected, hint, key=key))


def _match_of(shape: MatchShape) -> Match:
    return Match(
        account=shape.account,
        venue=tuple(pattern.lower() for pattern in shape.venue),
        symbol=tuple(pattern.upper() for pattern in shape.symbol),
        side=tuple(side.value for side in shape.side),
        margin_mode=tuple(mode.value for mode in shape.margin_mode),
        tags=shape.tags,
    )


def _trim_of(shape: RuleShape) -> TrimTerms:
    if shape.trim is None:
        return DEFAULT_TRIM
    return TrimTerms(
        max_share=shape.trim.max_share,
        max_slippage=shape.trim.max_slippage,
        order=shape.trim.order,
        escalate_after_seconds=shape.trim.escalate_after.total_seconds(),
        keep=tuple(pattern.upper() for pattern in shape.trim.keep),
    )
