"""One variant of a CLI as it was spelled: `model+key=value…`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from runners._booth.declaration import CliTool, Transport
from runners._scripted import OPTIONS as SCRIPTED_OPTIONS
from runners._spelling import Reader, number, on_loopback, one_of, spelled, url, variable, whole
from tasks import JSON, UsageError
from tasks._record import SCRIPTED

TURNS = 500
"""Model calls of one attempt where no other limit was asked for: beyond any task's own budget."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One variant of a CLI, as it was spelled."""

    tool: CliTool
    model: str
    """The model's id at its provider, or `scripted`."""
    options: Mapping[str, JSON]

    @property
    def scripted(self) -> bool:
        """Whether our scripted endpoint plays the model."""
        return self.model == SCRIPTED

    @property
    def told_model(self) -> str:
        """What the CLI is told that its model is."""
        return self.tool.model if self.scripted else self.model

    @property
    def turns(self) -> int:
        """Model calls at most."""
        return cast("int", self.options.get("turns", TURNS))

    @property
    def transport(self) -> Transport:
        """How the CLI is to reach our server."""
        return cast("Transport", self.options.get("transport", self.tool.can.transports[0]))

    @property
    def sandbox(self) -> str:
        """`auto`, `bwrap` or `none`."""
        return str(self.options.get("sandbox", "auto"))

    def base_url(self, environ: Mapping[str, str]) -> str:
        """Address of the model's provider."""
        asked = self.options.get("base_url") or environ.get(self.tool.base_env)
        return str(asked or self.tool.base_url).rstrip("/")

    def paid(self, environ: Mapping[str, str]) -> bool:
        """Whether its model costs money."""
        return not self.scripted and not on_loopback(self.base_url(environ))

    def key_names(self) -> tuple[str, ...]:
        """Variables that may hold the provider's key."""
        named = self.options.get("key_env")
        return (str(named),) if named else self.tool.key_env

    def key(self, environ: Mapping[str, str]) -> str:
        """The provider's key; '' where none is set. Goes to the gate and nowhere else."""
        return next((environ[name] for name in self.key_names() if environ.get(name)), "")


def read_variant(tool: CliTool, text: str) -> Asked:
    """Read what stands behind the CLI's name and a colon.

    Raises:
        UsageError: an unknown option, or a value that it does not take.
    """
    found = spelled(text, _options(tool))
    options = dict(found.options)
    ours = next((name for name in SCRIPTED_OPTIONS if name in options), None)
    if ours and found.model != SCRIPTED:
        raise UsageError(
            f"The option +{ours} belongs to the model `{SCRIPTED}`, got {found.model!r}: "
            f"write {tool.program}:{SCRIPTED}+{ours}=…."
        )
    return Asked(tool=tool, model=found.model or tool.model, options=options)


def _options(tool: CliTool) -> dict[str, Reader]:
    known: dict[str, Reader] = {
        "turns": whole(),
        "usd": number(above=True),
        "transport": one_of(*tool.can.transports),
        "sandbox": one_of("auto", "bwrap", "none"),
        "base_url": url,
        "key_env": variable,
        **SCRIPTED_OPTIONS,
    }
    if tool.can.effort:
        known["effort"] = one_of(*tool.can.effort)
    if tool.can.thinking:
        known["thinking"] = whole(1024)
    return known
