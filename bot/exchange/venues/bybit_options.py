"""Bybit v5: options. Contracts, quotes and positions out of raw rows, and the reads that bring them.

Field meanings: docs/v5/market/instrument, docs/v5/market/tickers and docs/v5/position, category option. A
contract is named by its day, strike and right, and by its settle coin where that is not USDC:
BTC-25DEC26-80000-P-USDT. It is one coin, unless its row states another size. Prices are for one coin, in the
settle coin.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from bot.exchange.failures import MalformedDataError
from bot.exchange.parts import CurrencyOf, ListOf, OptionListing
from bot.exchange.reading import Reads
from bot.exchange.values import Row, figure, moment, name, optional, positive, required, text
from bot.exchange.venues import bybit_calls as calls
from bot.exchange.venues.bybit_markets import contract_size_of, section, step_of
from bot.exchange.venues.bybit_positions import SIDES
from bot.model import (
    Chain,
    Figure,
    MarginMode,
    OptionMarket,
    OptionPosition,
    OptionQuote,
    Position,
    Right,
    Unknown,
)

TAKER_FEE = Decimal("0.0003")
"""Of what the coins are worth, without any discount."""
FEE_CAP = Decimal("0.07")
"""A fee is never more than this share of the premium."""
RIGHTS = {"Put": Right.PUT, "Call": Right.CALL}
LETTERS = {Right.PUT: "P", Right.CALL: "C"}
UNNAMED_SETTLE = "USDC"

_NO_MARGIN = Unknown("an option that was bought carries no margin")


def option_symbol(row: Row, currency_of: CurrencyOf) -> str:
    """Return the unified symbol of a contract's row. Raises MalformedDataError."""
    base, quote, settle = (currency_of(name(row, key)) for key in ("baseCoin", "quoteCoin", "settleCoin"))
    return f"{base}/{quote}:{settle}-{moment(row, 'deliveryTime'):%y%m%d}-{_strike(row)}-{_letter(row)}"


def parse_option(row: Row, currency_of: CurrencyOf) -> OptionMarket:
    """Read one contract. Raises MalformedDataError where anything about it is unclear."""
    lots, prices = section(row, "lotSizeFilter"), section(row, "priceFilter")
    symbol, venue_symbol = option_symbol(row, currency_of), name(row, "symbol")
    right = RIGHTS.get(text(row, "optionsType"))
    if right is None or LETTERS[right] != _letter(row):
        raise MalformedDataError(f"{venue_symbol!r} is said to be a {row.get('optionsType')!r}")
    return OptionMarket(
        symbol=symbol,
        venue_symbol=venue_symbol,
        base=currency_of(name(row, "baseCoin")),
        quote=currency_of(name(row, "quoteCoin")),
        settle=currency_of(name(row, "settleCoin")),
        right=right,
        strike=Decimal(_strike(row)),
        expiry=moment(row, "deliveryTime"),
        contract_size=contract_size_of(row),
        amount_step=step_of(lots, "qtyStep"),
        amount_min=required(lots, "minOrderQty"),
        amount_max=optional(lots, "maxOrderQty"),
        price_step=step_of(prices, "tickSize"),
        taker_fee=TAKER_FEE,
        fee_cap=FEE_CAP,
        active=text(row, "status") == "Trading",
    )


def _parts(row: Row) -> list[str]:
    venue_symbol = name(row, "symbol")
    parts = venue_symbol.split("-")
    if len(parts) not in (4, 5) or parts[3] not in ("P", "C"):
        raise MalformedDataError(f"{venue_symbol!r} is not named like an option")
    return parts


def _strike(row: Row) -> str:
    strike = _parts(row)[2]
    if required({"symbol": row.get("symbol"), "strike": strike}, "strike") <= 0:
        raise MalformedDataError(f"{row.get('symbol')!r} has a strike of {strike}")
    return strike


def _letter(row: Row) -> str:
    return _parts(row)[3]


def parse_options(rows: Iterable[Row], currency_of: CurrencyOf) -> OptionListing:
    """Read contracts by unified symbol; one that cannot be read is set aside, by the venue's, with the
    reason."""
    markets: dict[str, OptionMarket] = {}
    aside: dict[str, str] = {}
    for row in rows:
        try:
            market = parse_option(row, currency_of)
        except MalformedDataError as error:
            aside[text(row, "symbol")] = str(error)
        else:
            markets[market.symbol] = market
    return OptionListing(markets, aside)


def parse_option_quote(row: Row, symbol: str, at: datetime) -> OptionQuote:
    """Read what a contract is quoted at; what is not there is unknown."""
    return OptionQuote(
        symbol=symbol,
        mark=positive(row, "markPrice"),
        bid=positive(row, "bid1Price"),
        ask=positive(row, "ask1Price"),
        bid_size=positive(row, "bid1Size"),
        ask_size=positive(row, "ask1Size"),
        iv=positive(row, "markIv"),
        underlying=positive(row, "underlyingPrice"),
        delta=figure(row, "delta"),
        theta=figure(row, "theta"),
        at=at,
    )


def unquoted(symbol: str, at: datetime) -> OptionQuote:
    """Return the quote of a contract that has none."""
    none: Figure = Unknown(f"{symbol} is not quoted")
    return OptionQuote(symbol, none, none, none, none, none, none, none, none, none, at)


async def read_options(reads: Reads, base: str, currency_of: CurrencyOf) -> OptionListing:
    """Read the contracts of one base. Raises GatewayError."""
    answer = await reads.rows(calls.option_markets(base))
    with reads.told("options"):
        return parse_options(answer.rows, currency_of)


async def read_chain(reads: Reads, base: str, listing: OptionListing) -> Chain:
    """Read the quotes of one base's contracts. Raises GatewayError."""
    markets, aside = listing.markets, listing.aside
    answer = await reads.rows(calls.option_tickers(base))
    by_venue = {one.venue_symbol: one.symbol for one in markets.values()}
    quotes = {
        symbol: parse_option_quote(row, symbol, answer.at)
        for row in answer.rows
        if (symbol := by_venue.get(text(row, "symbol"))) is not None
    }
    return Chain(base, markets, quotes, aside, answer.at)


def parse_option_position(row: Row, market: OptionMarket, at: datetime) -> Position:
    """Read one position. Raises MalformedDataError."""
    size, side = required(row, "size"), SIDES.get(text(row, "side"))
    if side is None or size < 0:
        raise MalformedDataError(f"a position of {market.symbol} with side {row.get('side')!r}, size {size}")
    return Position(
        symbol=market.symbol,
        side=side,
        contracts=size,
        contract_size=market.contract_size,
        entry_price=positive(row, "avgPrice"),
        mark_price=positive(row, "markPrice"),
        margin_mode=MarginMode.CROSS,
        leverage=_NO_MARGIN,
        position_index=0,
        isolated_margin=None,
        unrealised_pnl=figure(row, "unrealisedPnl"),
        maintenance_margin=figure(row, "positionMM"),
        liquidation_price=_NO_MARGIN,
        stop_price=None,
        updated_at=moment(row, "updatedTime", at),
    )


async def read_held_options(reads: Reads, listed: ListOf) -> tuple[OptionPosition, ...]:
    """Read the open positions in options with their quotes. Raises GatewayError.

    A contract that is listed no more, or cannot be read, has no contract size: it is there, and nothing can
    be reckoned with it.
    """
    answer = await reads.rows(calls.option_positions())
    with reads.told("option positions"):
        rows = [row for row in answer.rows if required(row, "size") != 0]
        bases = sorted({base_of(name(row, "symbol")) for row in rows})
    if not bases:
        return ()
    known: dict[str, OptionMarket] = {}
    quotes: dict[str, OptionQuote] = {}
    for base in bases:
        chain = await read_chain(reads, base, await listed(base))
        known |= {one.venue_symbol: one for one in chain.markets.values()}
        quotes |= chain.quotes
    found: list[OptionPosition] = []
    with reads.told("option positions"):
        for row in rows:
            market = known.get(name(row, "symbol")) or unclear(name(row, "symbol"))
            quote = quotes.get(market.symbol) or unquoted(market.symbol, answer.at)
            found.append(OptionPosition(parse_option_position(row, market, answer.at), market, quote))
    return tuple(found)


def unclear(venue_symbol: str) -> OptionMarket:
    """Return a contract of which only the name is known. Raises MalformedDataError where that is none."""
    parts = _parts({"symbol": venue_symbol})
    try:
        expiry = datetime.strptime(f"{parts[1]} 08:00 +0000", "%d%b%y %H:%M %z")
    except ValueError:
        raise MalformedDataError(f"{venue_symbol!r} is not named like an option") from None
    settle = parts[4] if len(parts) > 4 else UNNAMED_SETTLE
    nothing = Decimal("NaN")
    return OptionMarket(
        symbol=venue_symbol,
        venue_symbol=venue_symbol,
        base=parts[0],
        quote=settle,
        settle=settle,
        right=next(right for right, letter in LETTERS.items() if letter == parts[3]),
        strike=Decimal(_strike({"symbol": venue_symbol})),
        expiry=expiry,
        contract_size=nothing,
        amount_step=nothing,
        amount_min=nothing,
        amount_max=None,
        price_step=nothing,
        taker_fee=TAKER_FEE,
        fee_cap=FEE_CAP,
        active=False,
    )


def base_of(venue_symbol: str) -> str:
    """Return the base currency in an option's name."""
    return venue_symbol.split("-", 1)[0]
