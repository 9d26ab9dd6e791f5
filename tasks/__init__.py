"""What an agent is told and may do. Imports none of the other rooms.

A family is a module `tasks/<group>/<name>.py` that defines `family`; underscored modules are
machinery that the other rooms share through this face.
"""

from tasks._attempts import AttemptRequest as AttemptRequest
from tasks._attempts import Ticket as Ticket
from tasks._core import JSON as JSON
from tasks._core import Brief as Brief
from tasks._core import BriefText as BriefText
from tasks._core import Budget as Budget
from tasks._core import Family as Family
from tasks._core import Frozen as Frozen
from tasks._core import InstanceId as InstanceId
from tasks._core import Observation as Observation
from tasks._core import Params as Params
from tasks._core import Public as Public
from tasks._core import Split as Split
from tasks._core import Stamp as Stamp
from tasks._core import TextVariant as TextVariant
from tasks._core import World as World
from tasks._core import brief_sha256 as brief_sha256
from tasks._core import briefed as briefed
from tasks._core import variant_seed as variant_seed
from tasks._errors import AgentFault as AgentFault
from tasks._errors import DaemonError as DaemonError
from tasks._errors import EvaluatorError as EvaluatorError
from tasks._errors import ProctorError as ProctorError
from tasks._errors import ReachFault as ReachFault
from tasks._errors import RecordError as RecordError
from tasks._errors import SandboxError as SandboxError
from tasks._errors import UnknownUnitError as UnknownUnitError
from tasks._errors import UsageError as UsageError
from tasks._errors import nearest as nearest
from tasks._find import Shelf as Shelf
from tasks._home import home as home
from tasks._suites import FAMILIES as FAMILIES
from tasks._suites import family as family
from tasks._suites import in_suite as in_suite
