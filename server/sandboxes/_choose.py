"""Choosing a tier: the strongest whose live self-test passes here, or a refusal that helps."""

from server.sandboxes._core import ProbeReport, Sandbox, Setting, Tier
from tasks import SandboxError, Shelf, UsageError, nearest

LADDER = (Tier.ZYGOTE, Tier.BWRAP, Tier.LANDLOCK)
"""What `auto` tries, strongest first; `none` is never chosen, only asked for."""


def tiers() -> Shelf[type]:
    """The units of this folder: each defines `sandbox`, a class made with a `Setting`."""
    return Shelf("server.sandboxes", "sandbox", type, "proctor.sandboxes")


async def choose(asked: str = "auto", *, setting: Setting | None = None) -> Sandbox:
    """Open the tier that was asked for, or the strongest that passes its live probe.

    Raises:
        UsageError: no tier has that name.
        SandboxError: nothing passed; names the failed probe, the exact error and the fix.
    """
    shelf = tiers()
    known = ["auto", *shelf.names()]
    if asked not in known:
        raise UsageError(f"No sandbox is called {asked!r}.{nearest(asked, known)} Known: {known}.")
    reports: list[ProbeReport] = []
    for name in LADDER if asked == "auto" else (asked,):
        if name not in shelf.names():
            continue
        sandbox: Sandbox = shelf.find(name)(setting or Setting())
        report = await sandbox.probe()
        if report.passed:
            return sandbox
        await sandbox.close()
        reports.append(report)
    raise SandboxError(f"No sandbox works here: {reports}")
