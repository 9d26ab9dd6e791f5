"""Settings of `strategic/adversarial_risk`: names and words; they carry no information."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One kind of desk."""

    place: str
    """Who runs the desk, e.g. `a commodity house`."""
    unit: str
    """What sizes count, plural."""
    currency: str
    groups: tuple[str, ...]


SETTINGS: dict[str, Setting] = {
    "commodities": Setting(
        "a commodity house",
        "contracts",
        "USD",
        ("Metals", "Grains", "Softs", "Energies", "Livestock", "Timber"),
    ),
    "credit": Setting(
        "a credit fund",
        "bonds",
        "EUR",
        ("Sovereigns", "Utilities", "Telecoms", "Automakers", "Insurers", "Hospitals"),
    ),
    "power": Setting(
        "a power trader",
        "blocks",
        "EUR",
        ("Baseload", "Peakload", "Carbon", "Gasoline", "Hydro", "Solar"),
    ),
    "freight": Setting(
        "a freight desk",
        "lots",
        "USD",
        ("Capesize", "Panamax", "Handysize", "Tankers", "Reefers", "Barges"),
    ),
    "crypto": Setting(
        "a digital asset broker",
        "coins",
        "CHF",
        ("Layerone", "Rollups", "Oracles", "Storages", "Bridges", "Stables"),
    ),
    "currencies": Setting(
        "a currency overlay manager",
        "notes",
        "GBP",
        ("Nordics", "Andeans", "Asians", "Balkans", "Pacifics", "Gulfs"),
    ),
}
INSTRUMENTS: tuple[str, ...] = (
    "KESTREL", "VANTA", "OBERON", "MISTRAL", "TARQUIN", "LUMEN", "CORVID", "BASALT", "ZEPHYR",
    "QUILL", "HARROW", "NIMBUS", "ORCHID", "PYLON", "RAVINE", "SORREL", "THISTLE", "UMBRA",
    "VESPER", "WILLOW", "XENON", "YARROW", "ANVIL", "BRIAR", "CINDER", "DRUMLIN", "EMBER",
    "FJORD", "GARNET", "HALYARD", "ISTHMUS", "JUNIPER", "KELP", "LARCH", "MARLIN", "NETTLE",
)  # fmt: skip
STRESSES: tuple[str, ...] = (
    "Gale", "Drought", "Blackout", "Frost", "Deluge", "Landslip", "Eclipse", "Tremor", "Monsoon",
    "Heatwave", "Avalanche", "Whirlpool",
)  # fmt: skip
