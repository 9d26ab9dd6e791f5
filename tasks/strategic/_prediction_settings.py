"""The stories of `strategic/prediction_markets`: claims, who reports on them, and the money."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One story. The words change, the game does not."""

    opening: str
    event: str
    """What is to be settled, a noun phrase."""
    outcomes: tuple[str, str]
    source: str
    """What a source is called."""
    sources: tuple[str, ...]
    currency: str


SETTINGS: dict[str, Setting] = {
    "harbour": Setting(
        "A port exchange lists a claim on when the ice will be gone.",
        "the harbour of Halden by 1 May",
        ("open", "icebound"),
        "observer",
        ("pilot station", "ice radar", "ferry office", "lighthouse", "coast patrol"),
        "crowns",
    ),
    "referendum": Setting(
        "A town hall lets citizens trade on the result of a local vote, already cast and sealed.",
        "the tramway referendum",
        ("carried", "rejected"),
        "poller",
        ("Orbis", "Meridian", "Talweg", "Quorum", "Fenwick"),
        "points",
    ),
    "vaccine": Setting(
        "A research fund runs an internal market on a trial whose data are locked.",
        "trial BR-17",
        ("effective", "ineffective"),
        "reviewer",
        ("unit north", "unit south", "the biometrics desk", "the safety board", "the field team"),
        "credits",
    ),
    "mine": Setting(
        "A mining house trades on what an assay, taken but not yet opened, will say.",
        "the lode at Karsa",
        ("payable", "barren"),
        "survey",
        ("gravity survey", "drill log", "soil survey", "induction survey", "old maps desk"),
        "thalers",
    ),
    "launch": Setting(
        "Engineers trade on a launch window that the range has fixed and keeps to itself.",
        "the launch of Petrel 3",
        ("this quarter", "delayed"),
        "desk",
        ("range desk", "weather desk", "fuel desk", "payload desk", "press desk"),
        "marks",
    ),
    "painting": Setting(
        "An auction circle bets on an attribution that a laboratory has already settled.",
        "the panel from San Biagio",
        ("genuine", "workshop copy"),
        "connoisseur",
        ("Dr Albani", "Dr Brandt", "Dr Conti", "Dr Duval", "Dr Ekberg"),
        "florins",
    ),
    "merger": Setting(
        "Employees trade on a decision of the regulator that is signed but not yet published.",
        "the merger of Tarn and Velde",
        ("cleared", "blocked"),
        "newsletter",
        ("The Docket", "Tape", "Counsel", "Morning Wire", "The Ledger"),
        "dollars",
    ),
    "comet": Setting(
        "A club of astronomers trades on an orbit that one observatory has computed in secret.",
        "comet Ito-Reyes",
        ("returns", "escapes"),
        "station",
        ("station Aso", "station Brera", "station Cerro", "station Dome", "station Effel"),
        "tokens",
    ),
}
