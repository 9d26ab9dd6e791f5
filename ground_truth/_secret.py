"""The secret that makes an exam unguessable: where it lives, how it is made, rotated, backed up.

One JSON file, mode 0600, in the user's state folder. Rotation keeps the old secrets, so that runs
made under them can still be scored and verified; a run names its secret by a short fingerprint.
"""

import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

from tasks import Frozen, RecordError, UsageError

FILE = "secret.json"


class _Stored(Frozen):
    current: str
    secrets: dict[str, str]


class SecretStore:
    """The user's secrets. `home` is Proctor's state folder (0700); it is made if absent."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.path = home / FILE

    def current(self) -> str:
        """Fingerprint of the secret in force; creates one on first use."""
        return self._load().current

    def get(self, fingerprint: str | None = None) -> bytes:
        """The secret with that fingerprint (the one in force if None).

        Raises:
            RecordError: no such secret here; the run was made under another state folder.
        """
        stored = self._load()
        name = stored.current if fingerprint is None else fingerprint
        if name not in stored.secrets:
            raise RecordError(
                f"The secret {name} is not in {self.path} (it holds {', '.join(stored.secrets)}). "
                "The run was made on another machine or under another PROCTOR_HOME: restore that "
                "secret with `proctor secret restore FILE`."
            )
        return bytes.fromhex(stored.secrets[name])

    def fingerprints(self) -> list[str]:
        """All secrets held here, the one in force first; creates one on first use."""
        stored = self._load()
        return [stored.current, *sorted(set(stored.secrets) - {stored.current})]

    def rotate(self) -> str:
        """Put a fresh secret in force, keep the old ones; return its fingerprint."""
        stored = self._load()
        fresh = _fresh()
        self._write(_Stored(current=fresh.current, secrets={**stored.secrets, **fresh.secrets}))
        return fresh.current

    def back_up(self, target: Path) -> None:
        """Write all secrets to `target` (0600).

        Raises:
            UsageError: `target` exists already.
        """
        if target.exists():
            raise UsageError(
                f"{target} exists already; a backup never overwrites. Name a new file."
            )
        _write_private(target, self._load().model_dump_json(indent=2))

    def restore(self, source: Path) -> str:
        """Add the secrets of a backup; the one in force stays if there is one."""
        try:
            found = _Stored.model_validate_json(source.read_text())
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{source} is not a backup made by `proctor secret backup`: {error}"
            ) from error
        own = self._read()
        merged = found.secrets if own is None else {**found.secrets, **own.secrets}
        self._write(_Stored(current=found.current if own is None else own.current, secrets=merged))
        return found.current

    def hand_over(self) -> str:
        """The secret in force, alone, as text that `take_over` reads on another machine."""
        stored = self._load()
        held = {stored.current: stored.secrets[stored.current]}
        return _Stored(current=stored.current, secrets=held).model_dump_json()

    def take_over(self, text: str) -> None:
        """Put a handed-over secret in force here; those that were here are kept."""
        given, own = _Stored.model_validate_json(text), self._read()
        kept = {} if own is None else own.secrets
        self._write(_Stored(current=given.current, secrets={**kept, **given.secrets}))

    def _load(self) -> _Stored:
        stored = self._read()
        if stored is None:
            self._create()
            stored = self._read()
        assert stored is not None
        return stored

    def _read(self) -> _Stored | None:
        try:
            return _Stored.model_validate_json(self.path.read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise RecordError(
                f"{self.path} is damaged ({error}). Restore a backup over it with "
                "`proctor secret restore FILE`, or move it away to start with a new secret."
            ) from error

    def _create(self) -> None:
        # `os.link` fails if another process was first: both then read the same file.
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._home) as scratch:
            draft = Path(scratch) / FILE
            _write_private(draft, _fresh().model_dump_json(indent=2))
            try:
                os.link(draft, self.path)
            except FileExistsError:
                return

    def _write(self, stored: _Stored) -> None:
        draft = self.path.with_suffix(f".{secrets.token_hex(4)}.tmp")
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(draft, stored.model_dump_json(indent=2))
        draft.replace(self.path)


def record_key(secret: bytes, attempt: str) -> bytes:
    """Key of an attempt's event chain: HMAC-SHA256(secret, 'record:' + attempt id)."""
    return hmac.new(secret, f"record:{attempt}".encode(), hashlib.sha256).digest()


def _fresh() -> _Stored:
    secret = secrets.token_bytes(32)
    name = hashlib.sha256(secret).hexdigest()[:8]
    return _Stored(current=name, secrets={name: secret.hex()})


def _write_private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
