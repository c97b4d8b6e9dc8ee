"""ccxt without its hundred other venues.

ccxt's packages import a client of every venue that there is: half a second, and 50 MiB for as long as a
process lives. Here each package stands for its folder, and hands out what its modules ask of it; whoever asks
for anything else gets the whole package, as it would have been.
"""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from threading import RLock
from types import ModuleType
from typing import Any

PACKAGES = ("ccxt", "ccxt.async_support", "ccxt.pro")


class Folder(ModuleType):
    """A package that is run when something is asked of it that its modules do not need."""

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__(spec.name)
        self.__spec__ = spec
        self.__file__ = spec.origin
        self.__package__ = spec.name
        self.__path__ = list(spec.submodule_search_locations or ())
        self._whole = False
        self._loading = RLock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__all__", "__version__"):
            raise AttributeError(name)
        if self.__name__ == PACKAGES[0]:
            for part in ("errors", "exchange"):
                module = import_module(f"ccxt.base.{part}")  # the whole package has a list called base
                if hasattr(module, name):
                    return getattr(module, name)
        self._load()
        return super().__getattribute__(name)

    def __setattr__(self, name: str, value: object) -> None:
        """Bind a venue's class where its module would be bound, as the package itself does."""
        if isinstance(value, ModuleType):
            value = vars(value).get(name, value)
        super().__setattr__(name, value)

    def _load(self) -> None:
        spec = self.__spec__
        with self._loading:  # another thread waits; what runs inside this one finds what is there so far
            if self._whole or spec is None or spec.loader is None:
                return
            self._whole = True
            spec.loader.exec_module(self)


def lighten() -> None:
    """Let ccxt's packages stand for their folders, where nobody has imported them yet."""
    for name in PACKAGES:
        spec = None if name in sys.modules else find_spec(name)
        if spec is not None:
            sys.modules[name] = Folder(spec)
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, sys.modules[name])
