"""Puts the daemon's hall together: sandbox, kernels, vault, attempts, tools."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from server.foyer import House
from server.hall import Hall
from server.kernels import KernelHouse
from server.launch import DaemonOptions
from server.sandboxes import Setting, choose
from server.tools import EVERY as EVERY
from server.vault import Vault

REPOSITORY = Path(__file__).resolve().parent.parent
"""Our own code, keys' generators included."""


@asynccontextmanager
async def open_house(options: DaemonOptions) -> AsyncGenerator[House]:
    """Open a hall over the strongest sandbox that passes its probe, or the one asked for.

    Raises:
        SandboxError: none passed; the text says what to install.
    """
    home = options.home
    setting = Setting(hidden=(home, options.runs, REPOSITORY))
    sandbox, report = await choose(options.sandbox, setting=setting)
    async with (
        KernelHouse(sandbox, spares=options.spares) as kernels,
        Hall(home, options.runs, Vault(home), kernels, sandbox=report.record()) as hall,
    ):
        yield House(hall, str(sandbox.tier))
