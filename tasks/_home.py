"""Where Proctor keeps its state: $PROCTOR_HOME, else the platform's state folder of the user."""

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """The state folder (daemon, secret, caches); not created here."""
    asked = environ.get("PROCTOR_HOME")
    return Path(asked).expanduser().absolute() if asked else platformdirs.user_state_path("proctor")
