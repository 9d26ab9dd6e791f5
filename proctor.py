"""The front door: `proctor <verb>`. The only file that sees every room; loads them lazily."""


def main() -> None:
    """Run the command line."""
    raise SystemExit("not wired yet")
