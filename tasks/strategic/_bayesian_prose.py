"""The words of `strategic/bayesian_games`: settings to draw from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One story. The words change, the model of who reports what does not."""

    opening: str
    cause: str
    """What a hypothesis is, e.g. `vessel`."""
    event: str
    signal: str
    witness: str
    silence: str
    """What is written down when a witness on duty delivers nothing."""
    causes: tuple[str, ...]
    signals: tuple[str, ...]
    witnesses: tuple[str, ...]


SETTINGS: dict[str, Setting] = {
    "coast": Setting(
        "A coast guard office wants to know which vessel has been crossing the bay at night.",
        "vessel",
        "crossing",
        "light pattern",
        "lookout",
        "nothing logged",
        ("Albatross", "Brigid", "Cormorant", "Dovekie", "Estrella", "Fulmar", "Gannet", "Halcyon"),
        ("steady white", "double flash", "slow green", "red sweep", "long dark", "amber blink"),
        ("North Head", "Pier Tower", "Skerry Point", "Old Mole", "West Battery", "Chapel Rock"),
    ),
    "archive": Setting(
        "A library holds a bundle of unsigned pages and asks which scribe wrote all of them.",
        "scribe",
        "page",
        "ductus",
        "palaeographer",
        "left blank",
        ("Anselm", "Berta", "Conrad", "Dietlind", "Ekkehard", "Frideswide", "Gozelo", "Hrotsvit"),
        ("upright", "slanted", "looped", "broken", "hairline", "wedge"),
        ("Dr Amari", "Dr Bauer", "Dr Cho", "Dr Diallo", "Dr Eriksen", "Dr Farouk"),
    ),
    "reef": Setting(
        "A survey team asks which current regime has ruled a reef during the whole season.",
        "regime",
        "dive",
        "catch type",
        "sampler",
        "sample lost",
        ("upwelling", "gyre", "slack", "monsoon", "shear", "tidal", "plume", "eddy"),
        ("krill", "salp", "jelly", "larvae", "diatom", "squid"),
        ("net A3", "net B7", "net C2", "net D9", "net E5", "net F1"),
    ),
    "works": Setting(
        "A factory receives unmarked parts, all from one supplier, and asks from which.",
        "supplier",
        "part",
        "grade",
        "gauge",
        "no reading",
        ("Orrin", "Palk", "Quist", "Rudd", "Sable", "Tamsin", "Ulver", "Vance"),
        ("grade I", "grade II", "grade III", "grade IV", "grade V", "grade VI"),
        ("gauge 11", "gauge 14", "gauge 23", "gauge 38", "gauge 42", "gauge 57"),
    ),
    "signals": Setting(
        "A radio club has logged bursts from one transmitter and asks which operator keyed it.",
        "operator",
        "burst",
        "code group",
        "receiver",
        "faded out",
        ("Kilo", "Lima", "Mike", "Oscar", "Papa", "Romeo", "Sierra", "Tango"),
        ("QX", "ZB", "LR", "VN", "HT", "GW"),
        ("Lund", "Porto", "Turku", "Sofia", "Cork", "Ghent"),
    ),
    "orchard": Setting(
        "An orchard is ill with exactly one blight, the same on all trees; the growers ask which.",
        "blight",
        "tree",
        "leaf sign",
        "inspector",
        "not filed",
        ("ash rot", "bark fire", "canker", "dry scab", "ember spot", "felt rust", "gall", "husk"),
        ("yellow rim", "brown fleck", "curl", "white dust", "blister", "no sign"),
        ("Ivo", "Jana", "Kasimir", "Leonie", "Matti", "Noor"),
    ),
    "museum": Setting(
        "A museum dates a set of sherds that all come of one kiln, and asks of which.",
        "kiln",
        "sherd",
        "glaze",
        "laboratory",
        "inconclusive",
        ("Ashford", "Birk", "Calder", "Dunmore", "Elsworth", "Farley", "Gorse", "Holt"),
        ("celadon", "ochre", "umber", "cobalt", "slate", "ivory"),
        ("lab east", "lab west", "lab river", "lab hill", "lab quay", "lab gate"),
    ),
    "servers": Setting(
        "A data centre suffers from one persistent fault; the team on call asks which it is.",
        "fault",
        "incident",
        "symptom",
        "monitor",
        "alert dropped",
        ("clock skew", "bad DIMM", "cable", "firmware", "hot spot", "deadlock", "leak", "quota"),
        ("stall", "retry storm", "panic", "slow read", "partial write", "reset"),
        ("probe-a", "probe-b", "probe-c", "probe-d", "probe-e", "probe-f"),
    ),
}
