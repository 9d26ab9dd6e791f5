"""The kernel inside a room: ipykernel without what an exam room has no use for, and with manners.

Left out: heartbeat, control, stdin and debugger sockets and their threads, command history,
configuration files, log lines, the echo of the source (the host records what *it* asked for).
Added: no output message is dropped silently (XPUB_NODROP); a cell's text is cut to its head and
tail here, in the kernel, so that a runaway print costs little; what is too large for a message is
replaced by a sentence; `input()` fails at once and says what to do.

Covers: honest code that prints too much. Does not cover: hostile code, which owns this process and
can undo all of it; the host's own limits (`server/kernels/`) hold without any of this.
Imports nothing of ours: it is loaded in the warm parent process and runs in forked children.
"""

import asyncio
import contextlib
import gc
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import zmq
from ipykernel import ipkernel
from ipykernel.iostream import IOPubThread
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from IPython.core.error import StdinNotImplementedError
from jupyter_client.session import Session
from traitlets import List, Unicode
from traitlets.config import Config
from zmq.eventloop.zmqstream import ZMQStream

from ._caps import OUTPUT_BYTES, Allowance, CappedSession, CappedStream, slim

PRELOAD: tuple[str, ...] = (
    "asttokens.line_numbers",
    "executing.executing",
    "faulthandler",
    "ipykernel.debugger",
    "IPython.core.completer",
    "IPython.core.completerlib",
    "IPython.core.logger",
    "IPython.core.magics.namespace",
    "IPython.core.oinspect",
    "pure_eval.core",
    "pygments.formatters.html",
    "pygments.formatters.terminal256",
    "pygments.lexers.python",
    "pygments.styles.default",
    "stack_data.core",
    "stack_data.formatting",
    "tornado.platform.asyncio",
)
"""What a kernel imports late: while it starts, and in its first cells (found by comparing)."""
_NO_INPUT = (
    "input() and getpass() cannot be answered here: nobody sits at this kernel. "
    "Put the value into your code, or read it from a file under task/."
)


class ProctorKernel(IPythonKernel):
    """An IPython kernel that nobody types into and whose source echo the host does not need."""

    parting: Callable[[], None] | None = None
    """Called when a cell's code is over, before its reply."""

    @property
    def _supports_kernel_subshells(self) -> bool:
        return False

    def start(self) -> None:
        """Serve the shell socket from this thread (saves a hop and a thread)."""
        super().start()
        # What ipykernel asks of the missing thread when a cell awaits at top level.
        self.shell_channel_thread = SimpleNamespace(parent_thread=threading.current_thread())

    def _publish_execute_input(self, code: str, parent: Any, execution_count: int) -> None:
        pass

    def raw_input(self, prompt: object = "") -> str:
        """Refuse: there is nobody to answer."""
        raise StdinNotImplementedError(_NO_INPUT)

    def getpass(self, prompt: str = "", stream: Any = None, *, echo_char: str | None = None) -> str:
        """Refuse: there is nobody to answer."""
        raise StdinNotImplementedError(_NO_INPUT)

    async def do_execute(self, *args: Any, **kw: Any) -> Any:
        """Run a cell, then print what its output caps kept back."""
        try:
            reply = await super().do_execute(*args, **kw)
        finally:
            if self.parting is not None:
                self.parting()
        payload: list[dict[str, Any]] = reply.get("payload") or []
        reply["payload"] = [
            {**part, "data": slim(part["data"])} if isinstance(part.get("data"), dict) else part
            for part in payload
            if part.get("source") in ("page", "ask_exit")
        ]
        return reply


class _SysWithoutModules:
    """The module `sys` as seen by one that must not look at what is loaded."""

    modules: dict[str, Any] = {}  # noqa: RUF012 - stays empty

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


class ProctorKernelApp(IPKernelApp):
    """ipykernel's application, with two sockets and two service threads less."""

    ready: Callable[[], object] | None = None
    default_extensions = List(Unicode(), [])

    def _session_default(self) -> Session:
        return CappedSession(parent=self)

    def load_config_file(self, *args: Any, **kw: Any) -> None:
        """Read none: a room's home folder belongs to the agent."""

    def parse_command_line(self, argv: Any = None) -> None:
        """There is none."""

    def _configure_logging(self) -> None:
        # The inherited one walks every logger of every loaded library, whose memory a forked
        # kernel would then own instead of share (6 MB, 10 ms). Nothing of ours is logged.
        quiet = logging.getLogger(type(self).__name__)
        quiet.handlers = [logging.NullHandler()]
        quiet.propagate = False

    def init_code(self) -> None:
        """Run no startup code; take no snapshot of the modules' names (8 MB, see above)."""
        shell: Any = self.kernel.shell
        shell.user_ns_hidden.update(shell.user_ns)

    def write_connection_file(self, **kw: Any) -> None:
        """The host wrote it."""

    def init_heartbeat(self) -> None:
        """None: the host watches the process itself."""

    def init_pdb(self) -> None:
        """Nobody could type into it."""

    def init_sockets(self) -> None:
        """Bind shell and iopub only."""
        self.context = zmq.Context()
        self.shell_socket = self.context.socket(zmq.ROUTER)
        self.shell_socket.linger = 1000
        self.shell_port = self._bind_socket(self.shell_socket, self.shell_port)
        self.init_iopub(self.context)

    def init_iopub(self, context: Any) -> None:
        """Bind iopub so that a slow reader slows us down instead of losing messages."""
        self.iopub_socket = context.socket(zmq.XPUB)
        self.iopub_socket.linger = 1000
        self.iopub_socket.setsockopt(zmq.XPUB_NODROP, 1)
        self.iopub_port = self._bind_socket(self.iopub_socket, self.iopub_port)
        self.configure_tornado_logger()
        self.iopub_thread = IOPubThread(self.iopub_socket, pipe=True, session=self.session)
        self.iopub_thread.start()
        self.iopub_socket = self.iopub_thread.background_socket

    def init_io(self) -> None:
        """Put the capped streams in place; what would go to our own terminal goes nowhere."""
        self.outstream_class = f"{CappedStream.__module__}.CappedStream"
        super().init_io()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            copy = getattr(stream, "_original_stdstream_copy", None)
            if isinstance(copy, int):
                os.dup2(nowhere, copy)
        os.close(nowhere)

    def init_kernel(self) -> None:
        """Create the kernel on the shell socket."""
        streams = [s for s in (sys.stdout, sys.stderr) if isinstance(s, CappedStream)]
        allowance = Allowance(int(os.environ.get("PROCTOR_OUTPUT_BYTES", OUTPUT_BYTES)))
        # ipykernel lists the files of all loaded modules for its debugger, which is left out here:
        # touching thousands of modules would unshare their memory (24 MB, 40 ms).
        ipkernel.sys = _SysWithoutModules()  # pyright: ignore[reportPrivateImportUsage, reportAttributeAccessIssue]
        self.kernel = ProctorKernel.instance(
            parent=self,
            session=self.session,
            shell_stream=ZMQStream(self.shell_socket),
            iopub_thread=self.iopub_thread,
            iopub_socket=self.iopub_socket,
            log=self.log,
            profile_dir=self.profile_dir,
            user_ns=self.user_ns,
        )
        ipkernel.sys = sys  # pyright: ignore[reportPrivateImportUsage]
        for stream in streams:
            stream.allowance = allowance

        def settle() -> None:
            for stream in streams:
                stream.settle()

        def parting() -> None:
            for stream in streams:
                stream.finish()
                stream.settle()
            allowance.renew()

        self.kernel.parting = parting
        self.session.settle = settle
        self.displayhook.get_execution_count = lambda: self.kernel.execution_count

    def start(self) -> None:
        """Serve until told to exit; an interrupt that lands between cells is no reason to die."""
        self.kernel.start()
        loop = self.kernel.io_loop
        if self.ready is not None:
            loop.add_callback(self.ready)
        while True:
            try:
                loop.start()
            except KeyboardInterrupt:
                continue
            return


def _without_debugger() -> None:
    # It costs sockets, a task and 10 MB; ipykernel leaves it out where debugpy cannot be imported.
    sys.modules.setdefault("debugpy", None)  # pyright: ignore[reportArgumentType] - means: absent


def preload() -> None:
    """Import what starting and the first cells need, so that forked children find it done.

    Starts no thread and no event loop: the caller forks afterwards.
    """
    _without_debugger()
    for name in PRELOAD:
        # Some serve libraries that need not be installed here (matplotlib's display).
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)


def _settings() -> Config:
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.ProctorKernelApp.log_level = logging.CRITICAL
    config.InteractiveShellApp.exec_PYTHONSTARTUP = False
    return config


def launch(connection_file: str, ready: Callable[[], object] | None = None) -> None:
    """Be the kernel of this connection file; returns when the agent's code asked it to exit.

    Args:
        connection_file: Jupyter's connection info (ipc transport; shell and iopub ports given).
        ready: called once, when both sockets are bound and served.
    """
    gc.enable()
    _without_debugger()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stdin = os.open(os.devnull, os.O_RDONLY)
    os.dup2(stdin, 0)
    os.close(stdin)
    asyncio.set_event_loop(asyncio.new_event_loop())
    app = ProctorKernelApp.instance(config=_settings(), connection_file=connection_file)
    app.ready = ready
    app.initialize([])
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR"):
        os.environ.pop(name, None)
    os.environ["TERM"] = "dumb"
    app.start()
