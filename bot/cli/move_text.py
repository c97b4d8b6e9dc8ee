"""Words for requests that trade no position."""

from bot.cli.output import level, size
from bot.model import ConvertRequest, LeverageRequest, MarginRequest, Move


def move_text(request: Move) -> str:
    """Say what a move asks the venue for."""
    if isinstance(request, MarginRequest):
        return f"add {request.amount} margin to {request.symbol} {request.position_side.value}"
    if isinstance(request, LeverageRequest):
        return f"set the leverage of {request.symbol} to {size(request.leverage)}"
    if isinstance(request, ConvertRequest):
        sold = f"sell {size(request.amount)} {request.coin} for {request.stable}"
        return f"{sold} at {level(request.price)} or better"
    return f"move {request.amount} {request.coin} into the funding wallet"
