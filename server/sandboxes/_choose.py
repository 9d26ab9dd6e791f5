"""Choosing a tier: the strongest whose live self-test passes here, or a refusal that helps."""

from collections.abc import Sequence
from typing import Any

from server.sandboxes._core import ProbeReport, Sandbox, Setting, Tier
from server.sandboxes._fixes import fix, this_host
from tasks import SandboxError, Shelf, UsageError, nearest

LADDER = (Tier.ZYGOTE, Tier.BWRAP, Tier.LANDLOCK)
"""What `auto` tries, strongest first; `none` is never chosen, only asked for."""


def tiers() -> Shelf[type[Any]]:
    """The units of this folder: each defines `sandbox`, a class made with a `Setting`."""
    return Shelf("server.sandboxes", "sandbox", type, "proctor.sandboxes")


async def choose(
    asked: str = "auto", *, setting: Setting | None = None
) -> tuple[Sandbox, ProbeReport]:
    """Open the tier that was asked for, or the strongest that passes its live self-test.

    The report belongs in the record. `none` must be asked for by name; only `--no-sandbox` does.

    Raises:
        UsageError: no tier has that name.
        SandboxError: nothing passed; names the failed probes, the exact errors and the fix.
    """
    shelf = tiers()
    known = ["auto", *shelf.names()]
    if asked not in known:
        raise UsageError(
            f"No sandbox is called {asked!r}.{nearest(asked, known)} There are: {', '.join(known)}."
        )
    reports: list[ProbeReport] = []
    for name in LADDER if asked == "auto" else (asked,):
        sandbox: Sandbox = shelf.find(name)(setting or Setting())
        report = await examine(sandbox)
        if report.passed:
            return sandbox, report
        await sandbox.close()
        reports.append(report)
    raise SandboxError(refusal(reports))


async def examine(sandbox: Sandbox) -> ProbeReport:
    """Open a tier and run its self-test; an error is a failed report."""
    try:
        await sandbox.open()
        return await sandbox.probe()
    except SandboxError as error:
        return ProbeReport(sandbox.tier, passed=False, error=str(error))


def refusal(reports: Sequence[ProbeReport]) -> str:
    """Why nothing passed and what to do about it."""
    lines = ["No sandbox works here, and nothing runs without one."]
    for report in reports:
        lines.append(f"- {report.tier}: {report.error.strip() or 'its self-test failed'}")
        for probe in report.failed:
            what = "leaks" if not probe.held else "could not be shown to hold (its control failed)"
            lines.append(f"    {probe.name} {what}: {probe.detail}")
    lines.append(f"What to do: {fix(this_host())}")
    lines.append("To run without any sandbox, which every result will then carry: --no-sandbox.")
    return "\n".join(lines)
