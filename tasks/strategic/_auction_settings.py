"""The words of `strategic/auctions`: settings to draw from. They change no number."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One story. The words change, the rules of the sale do not."""

    opening: str
    agent: str
    """Whom the agent bids for, e.g. `a small museum`."""
    lot: str
    rival: str
    house: str
    """What the rival is that sends buyers."""
    buyer: str
    lots: tuple[str, ...]
    classes: tuple[str, ...]
    rivals: tuple[str, ...]
    types: tuple[str, ...]
    buyers: tuple[str, ...]
    moods: tuple[str, ...]
    """From the mildest to the keenest."""


CURRENCIES = ("crowns", "ducats", "florins", "marks", "guilders", "talers", "pesos", "kEUR")

SETTINGS: dict[str, Setting] = {
    "estate": Setting(
        "An estate is sold off in one afternoon, lot after lot.",
        "a small museum",
        "lot",
        "collector",
        "dealership",
        "buyer",
        (
            "walnut cabinet",
            "sea chart",
            "silver ewer",
            "clavichord",
            "tapestry",
            "snuff box",
            "sundial",
            "herbarium",
            "pier glass",
            "orrery",
        ),
        ("furniture", "curiosities", "silverware", "manuscripts"),
        ("Abernathy", "Bellweather", "Castellan", "Drummond", "Eastlake", "Fenwick"),
        ("frugal", "balanced", "grand", "erratic"),
        ("Mr Hale", "Ms Irving", "Mr Jory", "Ms Kent"),
        ("drowsy", "awake", "heated", "feverish"),
    ),
    "spectrum": Setting(
        "A regulator assigns regional radio licences, one after the other.",
        "a regional carrier",
        "licence",
        "operator",
        "holding",
        "bid desk",
        (
            "Northern Fells",
            "Lower Basin",
            "Coastal Strip",
            "High Plateau",
            "Delta",
            "Twin Lakes",
            "Old Harbour",
            "Border March",
            "Salt Flats",
            "Glen",
        ),
        ("urban band", "rural band", "guard band", "shared band"),
        ("Axion", "Brightwave", "Calltree", "Dunlin", "Echo Nine", "Farcast"),
        ("lean", "steady-handed", "expansive", "restless"),
        ("desk Oslo", "desk Riga", "desk Turin", "desk Vigo"),
        ("patient", "alert", "eager", "hungry"),
    ),
    "timber": Setting(
        "A forest board sells stands of timber to sawmills over a season.",
        "a family sawmill",
        "stand",
        "mill",
        "syndicate",
        "scout",
        (
            "Hollow Ridge",
            "Bear Creek",
            "Ash Bottom",
            "Lookout Slope",
            "Quarry Side",
            "Ferry Reach",
            "Stone Gap",
            "Mill Race",
            "Fox Run",
            "Long Meadow",
        ),
        ("softwood", "hardwood", "windthrow", "veneer grade"),
        ("Grange Mill", "Harrow Mill", "Iron Mill", "Juniper Mill", "Kiln Mill", "Larch Mill"),
        ("cautious", "measured", "bold", "reckless"),
        ("scout Aino", "scout Bror", "scout Calle", "scout Dagny"),
        ("slack", "busy", "pressed", "desperate"),
    ),
    "slots": Setting(
        "A port authority auctions berthing slots for the coming weeks.",
        "a feeder line",
        "slot",
        "carrier",
        "alliance",
        "agent",
        (
            "week 11",
            "week 12",
            "week 13",
            "week 14",
            "week 15",
            "week 16",
            "week 17",
            "week 18",
            "week 19",
            "week 20",
        ),
        ("deep berth", "ro-ro berth", "bulk quay", "night berth"),
        ("Meridian", "Norrland", "Orinoco", "Pelagic", "Quayside", "Rotunda"),
        ("modest", "regular", "lavish", "fickle"),
        ("Lisboa office", "Malmo office", "Nantes office", "Odessa office"),
        ("idle", "brisk", "tense", "frantic"),
    ),
    "cargo": Setting(
        "A salvage court sells unclaimed cargoes, one at a time.",
        "a trading post",
        "cargo",
        "trader",
        "company",
        "factor",
        (
            "bonded crates",
            "copper ingots",
            "raw silk",
            "nutmeg casks",
            "cork bales",
            "glass beads",
            "indigo chests",
            "amber sacks",
            "tin plate",
            "whale oil",
        ),
        ("sealed goods", "dry goods", "metals", "wet goods"),
        ("Sable & Son", "Tarrant", "Umber Bros", "Valdes", "Westerly", "Yarrow"),
        ("stingy", "fair-minded", "openhanded", "moody"),
        ("factor Ames", "factor Blythe", "factor Crane", "factor Dorn"),
        ("quiet", "lively", "sharp", "wild"),
    ),
    "research": Setting(
        "A telescope consortium sells observing nights to institutes.",
        "a university group",
        "night",
        "institute",
        "agency",
        "panel",
        (
            "run 301",
            "run 302",
            "run 305",
            "run 307",
            "run 311",
            "run 314",
            "run 318",
            "run 320",
            "run 323",
            "run 329",
        ),
        ("dark time", "grey time", "bright time", "twilight time"),
        ("Antares", "Bellatrix", "Capella", "Deneb", "Electra", "Furud"),
        ("sparing", "even-handed", "generous", "changeable"),
        ("panel I", "panel II", "panel III", "panel IV"),
        ("calm", "stirred", "keen", "fierce"),
    ),
}
