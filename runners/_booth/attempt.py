"""One attempt of a CLI, from its empty booth to its transcript and its account."""

import os
import secrets
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, asynccontextmanager
from functools import cache
from urllib.parse import urlsplit

import anyio
import httpx2

from runners._booth import bubble
from runners._booth.account import Account, priced
from runners._booth.asked import Asked
from runners._booth.declaration import CliSaid, CliSeat, Launch
from runners._booth.doors import VERSION_PART, McpDoor, ModelDoor, Provider, fork
from runners._booth.gate import Relay, serving
from runners._booth.lack import lack, money, sealed
from runners._booth.life import Born, Plan, living, pump
from runners._booth.place import Place, place_for
from runners._booth.program import Program, found, version
from runners._booth.prompt import prompt, prompt_sha256
from runners._booth.redaction import known_secrets, redacted
from runners._booth.transcript import Transcript
from runners._booth.verdict import KILLED, CliError, Outcome, ending, usage, words
from runners._core import AgentReport, CutShortError, Seat
from runners._spelling import on_loopback
from tasks import JSON, UsageError, home
from tasks._record import AgentSetup, Ending

TRANSCRIPT = "transcript.jsonl"
ERRORS = "transcript.stderr.txt"
_MARGIN_S = 5.0
"""Before the suite's own limit: an attempt that is over time is ended and told by the booth."""
_DRAIN_S = 2.0
_HEAD, _TAIL = 32 << 20, 2 << 20
_ERRORS_HEAD, _ERRORS_TAIL = 128 << 10, 128 << 10


async def attend(asked: Asked, seat: Seat, environ: Mapping[str, str]) -> None:
    """Have a CLI sit one attempt; it tells `seat` what it took, however it ends.

    Raises:
        UsageError: something that it needs is missing.
        CliError: it crashed, its provider failed, or it never reached our server.
    """
    lacking = lack(asked, environ)
    program = found(asked.tool, environ)
    if lacking or program is None:
        raise UsageError(lacking)
    usd = money(asked, seat.usd)
    if usd is not None and asked.paid(environ) and not priced(asked.tool.provider, asked.model):
        raise UsageError(
            f"A limit of ${usd:g} cannot be kept: the price list does not know {asked.model!r}."
        )
    run = _Run(asked, seat, environ, program, usd)
    seat.tell(AgentReport(setup=run.setup, transcript=TRANSCRIPT))
    async with _provider(asked, seat, environ) as provider:
        outcome = await run.play(provider)
    run.judge(outcome)


@asynccontextmanager
async def _provider(
    asked: Asked, seat: Seat, environ: Mapping[str, str]
) -> AsyncGenerator[Provider]:
    wire = asked.tool.wire
    if not asked.scripted:
        yield Provider(wire=wire, url=asked.base_url(environ), key=asked.key(environ))
        return
    from runners.scripted_model import endpoint

    script = str(asked.options.get("script", "solver"))
    faults = str(asked.options.get("faults", ""))
    async with endpoint(script, faults, seed=seat.rng.getrandbits(32)) as model:
        yield Provider(wire=wire, url=model.url + VERSION_PART[wire], key="")


class _Run:
    """What one attempt is made of."""

    def __init__(
        self,
        asked: Asked,
        seat: Seat,
        environ: Mapping[str, str],
        program: Program,
        usd: float | None,
    ) -> None:
        tool = asked.tool
        self._asked, self._seat, self._environ = asked, seat, environ
        self._program = program
        self._sealed = sealed(asked)
        self._word = secrets.token_urlsafe(24)
        self._secrets = known_secrets(
            environ, asked.key(environ), seat.ticket.token, *seat.ticket.env.values(), self._word
        )
        free = asked.scripted or not (
            asked.paid(environ) or priced(tool.provider, asked.told_model)
        )
        self._account = Account(
            provider=tool.provider,
            model=asked.told_model,
            turns=asked.turns,
            usd=None if free else usd,
            free=free,
        )
        self._usd = usd
        self.setup = AgentSetup(
            kind="cli",
            mode="cli",
            provider="" if asked.scripted else tool.provider,
            model=asked.model,
            program=f"{tool.program} {version(tool, program)}".strip(),
            transport=asked.transport,
            prompt_sha256=prompt_sha256(),
            sandbox="bwrap" if self._sealed else "none",
            settings=_recorded(asked, environ),
        )

    async def play(self, provider: Provider) -> Outcome:
        """Start the CLI, serve its doors, see it to its end, tell the seat."""
        transcript = self._transcript(TRANSCRIPT, _HEAD, _TAIL)
        errors = self._transcript(ERRORS, _ERRORS_HEAD, _ERRORS_TAIL)
        model = ModelDoor(provider, self._account, self._word)
        ticket = self._seat.ticket
        relay = Relay(ticket, self._word, errors.feed)
        mcp = McpDoor(ticket.url, ticket.token)
        outcome = Outcome()
        try:
            with place_for(self._program, self._environ, sealed=self._sealed) as place:
                app = fork((f"/{self._word}/mcp", mcp), model)
                launch = self._asked.tool.launch(self._cli_seat(place))
                async with (
                    _clients(provider, model, mcp),
                    self._living(place, launch) as born,
                    serving((*place.doors, *born.doors)[0], app),
                    relay.serving((*place.doors, *born.doors)[1]),
                ):
                    outcome.limit = await self._watched(born, transcript, errors)
                    outcome.status = born.process.returncode
        finally:
            transcript.close()
            errors.close()
            outcome.lost = relay.lost
            outcome.reached = relay.connections + mcp.requests > 0
            outcome.said = self._read()
            self._report(outcome)
        return outcome

    async def _watched(self, born: Born, transcript: Transcript, errors: Transcript) -> Ending:
        """Keep what it writes; end it at a limit, or when cancelled; the limit that was reached."""
        reached: Ending = ""
        draining = anyio.CancelScope(shield=True)
        async with anyio.create_task_group() as tasks:

            async def keep() -> None:
                with draining:
                    async with anyio.create_task_group() as pumps:
                        pumps.start_soon(pump, born.process.stdout, transcript.feed)
                        pumps.start_soon(pump, born.process.stderr, errors.feed)

            async def limited() -> None:
                await self._account.stopped.wait()
                await born.end()

            tasks.start_soon(keep)
            tasks.start_soon(limited)
            try:
                with anyio.move_on_after(max(1.0, self._seat.wall_s - _MARGIN_S)) as wall:
                    await born.process.wait()
                reached = "timeout" if wall.cancelled_caught else self._account.ending
            finally:
                with anyio.CancelScope(shield=True):
                    await born.end()
                draining.deadline = anyio.current_time() + _DRAIN_S
            tasks.cancel_scope.cancel()
        return reached

    @asynccontextmanager
    async def _living(self, place: Place, launch: Launch) -> AsyncGenerator[Born]:
        plan = Plan(
            argv=(place.program, *launch.argv),
            env={
                "PATH": place.path,
                "HOME": place.home,
                "TMPDIR": "/tmp" if place.sealed else place.home,  # noqa: S108 - the booth's own
                "LANG": "C.UTF-8",
                **launch.env,
            },
            cwd=f"{place.home}/work",
            files={
                place.word: self._word,
                **{f"{place.home}/{path}": text for path, text in launch.files.items()},
            },
            ports=() if place.doors else (place.http, place.pipe),
        )
        enter = (place.python, "-I", "-S", place.inside, "enter")
        with ExitStack() as stack:
            fds = [_memory(text, stack) for text in bubble.made()] if place.sealed else []
            words = list(enter)
            if place.sealed:
                hidden = [home(), self._seat.folder]
                words = [*bubble.command(self._program, hidden, fds), "--", *enter]
            async with living(words, fds, plan, sealed=place.sealed) as born:
                yield born

    def _cli_seat(self, place: Place) -> CliSeat:
        tool, asked = self._asked.tool, self._asked
        base = f"http://127.0.0.1:{place.http}"
        relay = (place.python, "-I", "-S", place.inside, "pipe", str(place.pipe), place.word)
        return CliSeat(
            prompt=prompt(self._seat.family, tool.server),
            model=asked.told_model,
            home=place.home,
            cwd=f"{place.home}/work",
            model_url=base + VERSION_PART[tool.wire],
            key=self._word,
            transport=asked.transport,
            mcp_command=relay,
            mcp_url=f"{base}/{self._word}/mcp",
            wall_s=self._seat.wall_s,
            turns=asked.turns,
            usd=self._usd,
            options={k: v for k, v in asked.options.items() if k in ("effort", "thinking")},
        )

    def _transcript(self, name: str, head: int, tail: int) -> Transcript:
        return Transcript(self._seat.folder / name, self._secrets, head=head, tail=tail)

    def _read(self) -> CliSaid:
        text = (self._seat.folder / TRANSCRIPT).read_text(errors="replace")
        try:
            return self._asked.tool.read(text)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            # Another version of the CLI may write what ours cannot read; the account stands.
            return CliSaid(error=f"its transcript could not be read: {type(error).__name__}")

    def _report(self, outcome: Outcome) -> None:
        self._seat.tell(
            AgentReport(
                setup=self.setup,
                usage=usage(outcome, self._account),
                ending=ending(outcome, self._account),
                transcript=TRANSCRIPT,
            )
        )

    def judge(self, outcome: Outcome) -> None:
        """Raise what is to be told as the attempt's error, if anything is.

        Raises:
            CutShortError: it or our server was killed by another hand than ours.
            CliError: it crashed, its provider failed, or it never reached our server.
        """
        if outcome.lost:
            raise CutShortError(f"Proctor's MCP server was killed under {self._asked.tool.name}")
        how = ending(outcome, self._account)
        if how in {"crash", "provider", "tools"}:
            errors = (self._seat.folder / ERRORS).read_bytes()
            text = words(how, outcome, self._account, errors.decode(errors="replace"))
            clean = redacted(text.encode(), self._secrets).decode(errors="replace")
            killed = how == "crash" and outcome.status in KILLED
            raise (CutShortError if killed else CliError)(f"{self._asked.tool.name} {clean}")


@asynccontextmanager
async def _clients(provider: Provider, model: ModelDoor, mcp: McpDoor) -> AsyncGenerator[None]:
    # A proxy of this machine's is for the world outside, never for loopback.
    outside = not on_loopback(provider.url)
    patient = httpx2.Timeout(None, connect=30.0)
    async with (
        httpx2.AsyncClient(timeout=patient, trust_env=outside, verify=_tls(provider.url)) as first,
        httpx2.AsyncClient(timeout=patient, trust_env=False, verify=_tls(mcp.url)) as second,
    ):
        model.client, mcp.client = first, second
        yield


def _tls(url: str) -> ssl.SSLContext:
    # To read the authorities takes a fifth of a second; who trusts none can do without.
    return _authorities() if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@cache
def _authorities() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


def _recorded(asked: Asked, environ: Mapping[str, str]) -> dict[str, JSON]:
    """Options as they stand in the record; of an address what names the place, nothing more."""
    settings = {name: value for name, value in asked.options.items() if name != "key_env"}
    address = asked.base_url(environ)
    if not asked.scripted and address != asked.tool.base_url:
        parts = urlsplit(address)
        settings["base_url"] = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return {"turns": asked.turns, **settings}


def _memory(text: str, stack: ExitStack) -> int:
    fd = os.memfd_create("booth")
    stack.callback(os.close, fd)
    os.write(fd, text.encode())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
