"""The peers: a plain Jupyter kernel over jupyter-client, and jupyter-mcp-server over MCP."""

import subprocess
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from jupyter_client.manager import KernelManager
from mcp import Client, StdioServerParameters

from _figures import Row, private_mb, spread, timed

IMPORTS = "import torch, transformer_lens"


def plain_jupyter_rows(home: Path, repeats: int) -> list[Row]:
    """Scribe's way of working: one ipykernel a session, imports paid by each."""
    starts: list[float] = []
    imports: list[float] = []
    calls: list[float] = []
    memory: list[float] = []
    for _ in range(max(3, repeats // 4)):
        begun = time.perf_counter()
        manager = KernelManager()
        manager.start_kernel(cwd=str(home))
        client: Any = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        client.execute_interactive("1+1", timeout=60, output_hook=_ignore)
        starts.append(time.perf_counter() - begun)
        imports.append(_seconds(client, IMPORTS))
        calls += [_seconds(client, "1+1") for _ in range(repeats)]
        pid = getattr(manager.provisioner, "pid", None)
        memory += [private_mb(pid)] if pid else []
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return [
        *spread("plain Jupyter: start to first 1+1", starts),
        *spread("plain Jupyter: import torch, transformer_lens", imports),
        *spread("plain Jupyter: execute 1+1 (no MCP, no notebook saved)", calls),
        Row("plain Jupyter: private memory a kernel, imports done", max(memory), "MB"),
    ]


async def jupyter_mcp_rows(home: Path, venv: Path, repeats: int) -> list[Row]:
    """jupyter-mcp-server over stdio with a Jupyter server of its own."""
    async with _jupyter_server(venv, home) as url:
        arguments = ["start", "--transport", "stdio", "--jupyter-url", url]
        arguments += ["--jupyter-token", "peer", "--start-new-code-sandbox", "true"]
        server = StdioServerParameters(
            command=str(venv / "bin" / "jupyter-mcp-server"), args=arguments
        )
        async with Client(server) as client:

            async def run() -> object:
                return await client.call_tool("execute_code", {"code": "1+1"})

            first = await timed(run)
            calls = [await timed(run) for _ in range(max(5, repeats // 2))]
    return [
        Row("jupyter-mcp-server: first execute_code 1+1", first * 1000, "ms"),
        *spread("jupyter-mcp-server: execute_code 1+1 over stdio", calls),
    ]


@asynccontextmanager
async def _jupyter_server(venv: Path, home: Path) -> AsyncGenerator[str]:
    port = 18_811
    command = [venv / "bin" / "jupyter", "server", "--allow-root", "--no-browser"]
    command += [f"--port={port}", "--IdentityProvider.token=peer", f"--ServerApp.root_dir={home}"]
    with (home / "jupyter.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            await _answers(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


async def _answers(port: int) -> None:
    with anyio.fail_after(30):
        while True:
            try:
                async with await anyio.connect_tcp("127.0.0.1", port):
                    return
            except OSError:
                await anyio.sleep(0.2)


def _seconds(client: Any, code: str) -> float:
    begun = time.perf_counter()
    client.execute_interactive(code, timeout=120, output_hook=_ignore)
    return time.perf_counter() - begun


def _ignore(_message: object) -> None:
    """Outputs are not what is measured."""
