"""Sandbox tiers: one file a tier; `choose` takes the strongest that works here."""

from server.sandboxes._choose import choose as choose
from server.sandboxes._core import Box as Box
from server.sandboxes._core import FileEntry as FileEntry
from server.sandboxes._core import Limits as Limits
from server.sandboxes._core import Probe as Probe
from server.sandboxes._core import ProbeReport as ProbeReport
from server.sandboxes._core import Sandbox as Sandbox
from server.sandboxes._core import SandboxError as SandboxError
from server.sandboxes._core import Setting as Setting
from server.sandboxes._core import Tier as Tier
from server.sandboxes._core import Usage as Usage
