"""The sealed place that an agent CLI runs in, and what a CLI's file declares for it."""

from runners._booth.agent import cli_agent as cli_agent
from runners._booth.declaration import Capabilities as Capabilities
from runners._booth.declaration import CliSaid as CliSaid
from runners._booth.declaration import CliSeat as CliSeat
from runners._booth.declaration import CliTool as CliTool
from runners._booth.declaration import Launch as Launch
from runners._booth.declaration import Transport as Transport
from runners._booth.declaration import Wire as Wire
from runners._booth.declaration import events as events
from runners._booth.prompt import prompt as prompt
