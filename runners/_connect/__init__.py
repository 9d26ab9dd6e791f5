"""Adding Proctor to an agent CLI's own settings, for practice by hand; one file a client."""

from runners._connect._client import Client as Client
from runners._connect._client import Scope as Scope
from tasks import Shelf

CLIENTS: Shelf[Client] = Shelf(
    package="runners._connect", attribute="client", kind=Client, group="proctor.clients"
)
