"""Whether the attempts of one run are alike: the same tools offered, the same program at work.

A run goes on over days and machines. What changed meanwhile makes its attempts samples of two
agents rather than one, and that is said.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

from runners._ledger import Ledger
from runners._plan import Sitting


def differences(ledger: Ledger, plan: Sequence[Sitting]) -> list[str]:
    """Sentences on what differs between the attempts of a run; none if nothing does."""
    return [*_tools(ledger, plan), *_agents(ledger, plan)]


def _tools(ledger: Ledger, plan: Sequence[Sitting]) -> list[str]:
    # By family: calculators are offered where the task allows them.
    offered: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sitting in plan:
        listed = ledger.tools_sha256(sitting)
        if listed is not None:
            offered[sitting.instance.family][listed[:12]] += 1
    return [
        f"{family}: attempts of this run were offered different tools ({_counted(hashes)}); "
        "compare them with care, or play the suite anew."
        for family, hashes in offered.items()
        if len(hashes) > 1
    ]


def _agents(ledger: Ledger, plan: Sequence[Sitting]) -> list[str]:
    setups = [played.setup for one in plan if (played := ledger.played(one)) and played.setup]
    seen = {
        "programs": Counter(setup.program for setup in setups if setup.program),
        "models": Counter(setup.model for setup in setups if setup.model),
    }
    return [
        f"Attempts of this run were played by different {what} ({_counted(names)}); they are not "
        "samples of one agent."
        for what, names in seen.items()
        if len(names) > 1
    ]


def _counted(names: Counter[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in names.most_common())
