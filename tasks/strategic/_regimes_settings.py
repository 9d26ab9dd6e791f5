"""Settings that `strategic/hidden_regimes` is told in: words only, the model is the same."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One story."""

    opening: str
    subject: str
    """What is in a regime, e.g. `the strait`."""
    regime: str
    step: str
    sensor: str
    symbol: str
    lost: str
    """What is written down for a lost reading."""
    pending: str
    """What is written down for a reading that has not come in."""
    push: str
    """A scheduled intervention, singular."""
    mark: str
    """An event that may happen once in a step, singular."""
    plan: str
    money: tuple[str, str]
    """Currency and its hundredth, plural."""
    regimes: tuple[str, ...]
    symbols: tuple[str, ...]
    sensors: tuple[str, ...]
    plans: tuple[str, ...]


SETTINGS: dict[str, Setting] = {
    "strait": Setting(
        "A pilots' office must decide how to staff a strait whose water nobody can see directly.",
        "the strait",
        "flow",
        "tide",
        "buoy",
        "tone",
        "garbled",
        "not yet in",
        "sluicing",
        "horn blast",
        "roster",
        ("crowns", "öre"),
        ("ebbing", "slack", "racing", "silted", "crossed", "swollen"),
        ("low", "hum", "ring", "chirp", "drone", "toll"),
        ("Buoy Ast", "Buoy Brim", "Buoy Corrie", "Buoy Dun", "Buoy Eel", "Buoy Fey"),
        ("two cutters", "night crew", "tug lease", "day pilots", "relay", "long watch"),
    ),
    "furnace": Setting(
        "A glass works must choose a production run; the state of its furnace is never observed.",
        "the furnace",
        "state",
        "shift",
        "probe",
        "colour",
        "burnt out",
        "in the laboratory",
        "relining",
        "pressure alarm",
        "run",
        ("guilders", "cents"),
        ("steady", "foaming", "starved", "cracked", "drifting", "glazed"),
        ("amber", "teal", "rose", "grey", "violet", "lime"),
        ("probe K1", "probe L4", "probe M2", "probe N7", "probe P5", "probe R9"),
        ("bottles", "panes", "lenses", "tubing", "beads", "jars"),
    ),
    "herd": Setting(
        "Rangers follow a herd by instruments alone and must commit to one plan for the weeks to "
        "come.",
        "the herd",
        "mode",
        "week",
        "station",
        "trace",
        "washed away",
        "on its way",
        "drive",
        "alarm call",
        "plan",
        ("francs", "centimes"),
        ("grazing", "wandering", "fleeing", "resting", "split", "calving"),
        ("hoof", "dust", "salt", "bark", "reed", "ash"),
        ("Acacia", "Baobab", "Cassia", "Doum", "Ebony", "Fig"),
        ("north fence", "water trucks", "salt licks", "patrol", "south gate", "collars"),
    ),
    "network": Setting(
        "An exchange of leased lines must pick a routing; what the carrier's core does is hidden.",
        "the core",
        "mode",
        "slot",
        "tap",
        "code",
        "dropped",
        "queued",
        "failover",
        "retransmission burst",
        "routing",
        ("credits", "cents"),
        ("clear", "congested", "looping", "throttled", "flapping", "mirrored"),
        ("A0", "B1", "C2", "D3", "E4", "F5"),
        ("tap-09", "tap-14", "tap-27", "tap-33", "tap-48", "tap-51"),
        ("ring east", "ring west", "star", "mesh", "tunnel", "bypass"),
    ),
    "vineyard": Setting(
        "A cellar ferments one great vat and must choose how to bottle it without opening the lid.",
        "the vat",
        "phase",
        "day",
        "gauge",
        "note",
        "illegible",
        "at the analyst's",
        "racking",
        "knock of the valve",
        "contract",
        ("ducats", "grosze"),
        ("lively", "stuck", "souring", "clearing", "clouded", "reduced"),
        ("pear", "smoke", "yeast", "honey", "iron", "moss"),
        ("gauge Ida", "gauge Job", "gauge Kai", "gauge Lea", "gauge Max", "gauge Nan"),
        ("table wine", "reserve", "brandy", "vinegar", "sparkling", "must"),
    ),
    "quarry": Setting(
        "A survey listens to a slope above a quarry; its inner condition must be inferred.",
        "the slope",
        "condition",
        "hour",
        "geophone",
        "pattern",
        "clipped",
        "not decoded yet",
        "controlled blast",
        "rockfall",
        "schedule",
        ("pounds", "pence"),
        ("locked", "creeping", "soaked", "settling", "loaded", "slipping"),
        ("spike", "swarm", "hush", "roll", "click", "surge"),
        ("line 3", "line 8", "line 12", "line 17", "line 21", "line 26"),
        ("upper bench", "lower bench", "haulage", "drainage", "netting", "night work"),
    ),
    "theatre": Setting(
        "A playhouse sells out or stays empty by the mood of its town, and no mood is announced.",
        "the town",
        "mood",
        "evening",
        "usher",
        "word",
        "forgotten",
        "still to be told",
        "festival",
        "encore",
        "programme",
        ("thalers", "kreuzer"),
        ("festive", "tired", "curious", "angry", "idle", "pious"),
        ("bravo", "hm", "oh", "hush", "again", "well"),
        ("Agnes", "Bruno", "Clara", "Darius", "Edda", "Felix"),
        ("comedy", "opera", "readings", "revue", "tragedy", "puppets"),
    ),
    "reactor": Setting(
        "A chemical plant runs a sealed reactor; which regime rules inside shows only in signals.",
        "the reactor",
        "regime",
        "cycle",
        "detector",
        "band",
        "void",
        "awaited",
        "purge",
        "relief click",
        "recipe",
        ("lira", "kurus"),
        ("laminar", "foamy", "seeded", "coked", "pulsing", "choked"),
        ("red", "blue", "white", "black", "green", "gold"),
        ("det 2", "det 5", "det 6", "det 11", "det 13", "det 20"),
        ("batch A", "batch F", "slow feed", "fast feed", "recycle", "idle hold"),
    ),
}
