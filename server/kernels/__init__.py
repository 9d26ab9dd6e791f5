"""Kernels: provisioner, execution loop, spares."""

from server.kernels.deaths import Death as Death
from server.kernels.house import KernelHouse as KernelHouse
from server.kernels.kernel import CellResult as CellResult
from server.kernels.kernel import Kernel as Kernel
from server.kernels.kernel import Status as Status
from server.kernels.outputs import Clear as Clear
from server.kernels.outputs import KernelOutput as KernelOutput
from server.kernels.outputs import Output as Output
from server.kernels.outputs import Update as Update
