"""The sections of the brief of `strategic/hidden_regimes`, in two voices.

The account tells the rules in sentences, the protocol in symbols; both state the same model.
"""

from collections.abc import Callable

from tasks.strategic._regimes_model import (
    BELIEF,
    CALIBRATION,
    CHOICE,
    DECISION,
    SUM_SLACK,
    TOLERANCE,
    VALUE,
    Reading,
    RegimesPublic,
    Sensor,
)
from tasks.strategic._regimes_settings import SETTINGS, Setting
from tasks.strategic._tables import Cells, article, grid, number_format, table


class Prose:
    """Writes the sections of one instance's brief."""

    def __init__(self, public: RegimesPublic) -> None:
        self._public = public
        self._setting: Setting = SETTINGS[public.style.setting]
        self._unit, self._show = number_format(public.style.numbers, public.digits)
        self._protocol = public.style.voice == "protocol"

    def whole(self) -> str:
        """The whole prompt."""
        sections: dict[str, Callable[[], str]] = {
            "regimes": self.regimes,
            "sensors": self.sensors,
            "plans": self.plans,
        }
        parts = [
            self._setting.opening,
            *(sections[name]() for name in self._public.style.order),
            self.record(),
            *([self.counts()] if self._public.windows else []),
            self.contract(),
        ]
        return "\n\n".join(parts)

    def regimes(self) -> str:
        """How the hidden regime starts, lasts, changes and is intervened on."""
        public, words = self._public, self._setting
        start = [(r, [self._show(p)]) for r, p in zip(public.regimes, public.initial, strict=True)]
        ages = len(public.leave[0])
        columns = [f"age {a}" for a in range(1, ages)] + [f"age {ages} or more"]
        parts = [
            f"## The {words.regime} of {words.subject}",
            self._lasting(),
            f"P({words.regime} at {words.step} 1), in {self._unit}:",
            table(words.regime, ["probability"], start),
            f"P(it ends after this {words.step}), in {self._unit}:",
            self._grid((words.regime, "age"), columns if ages > 1 else ["any age"], public.leave),
            f"P(next {words.regime} | it ends), in {self._unit}; rows (or columns, where the "
            "corner says so) are the one that ends:",
            self._grid(("ends", "next"), public.regimes, public.jump),
        ]
        if public.push:
            parts += [self._pushed(), self._grid(("before", "after"), public.regimes, public.push)]
        return "\n\n".join(parts)

    def _lasting(self) -> str:
        words = self._setting
        if self._protocol:
            return (
                f"z_t, the {words.regime} at {words.step} t, is hidden. a_t is its age: the number "
                f"of {words.step}s up to t, t included, since it last began; a_1 = 1. From t to "
                f"t + 1: with P(it ends | z_t, a_t) it ends, z_(t+1) is drawn from P(next | "
                f"it ends) and a_(t+1) = 1; otherwise z_(t+1) = z_t and a_(t+1) = a_t + 1."
            )
        return (
            f"At every {words.step} {words.subject} is in exactly one {words.regime}, which nobody "
            f"sees. At {words.step} 1 one has just begun: its age is 1. At the end of each "
            f"{words.step} the present {words.regime} may end; how likely depends on which it is "
            f"and on its age, the number of {words.step}s it has lasted so far, the present one "
            f"included. If it ends, another begins at age 1; if not, it goes on, one "
            f"{words.step} older."
        )

    def _pushed(self) -> str:
        public, words = self._public, self._setting
        when = ", ".join(str(step) for step in public.pushes)
        if self._protocol:
            return (
                f"{article(words.push).capitalize()} takes place after t ∈ {{{when}}}, fixed "
                f"beforehand (those after t ≥ {public.steps} are still to come): there, in the "
                f"place of the rule above, z_(t+1) is drawn from this table and a_(t+1) = 1 "
                f"even if z_(t+1) = z_t. P(z_(t+1) | z_t, {words.push}), in {self._unit}:"
            )
        return (
            f"{article(words.push).capitalize()} takes place at the end of these {words.step}s, "
            f"as was fixed beforehand: {when} (some of them may lie ahead). The {words.regime} of "
            f"the next {words.step} then follows the table below instead of the rule above; it may "
            f"be the same one, but it counts as newly begun, at age 1. P({words.regime} after | "
            f"{words.regime} before), in {self._unit}:"
        )

    def sensors(self) -> str:
        """What each instrument shows of a regime, and how it may fail."""
        words = self._setting
        head = (
            f"## The {words.sensor}s\n\nWhen each {words.sensor} is read was fixed beforehand and "
            f"tells nothing. Given the {words.regime}s of all {words.step}s, everything that is "
            f"written down (each {words.symbol}, loss, delay and count) is independent of the rest."
        )
        return "\n\n".join([head, *(self._sensor(sensor) for sensor in self._public.sensors)])

    def _sensor(self, sensor: Sensor) -> str:
        public, words = self._public, self._setting
        rules = [f"**{sensor.name}.** {self._about(sensor)}"]
        if sensor.dial:
            rules.append(self._dial(sensor))
        parts = [
            " ".join(rules),
            f"P({words.symbol} | {words.regime}"
            f"{', not lost' if sensor.lost else ''}), in {self._unit}:",
            self._grid((words.regime, words.symbol), public.symbols, sensor.rates),
        ]
        if sensor.lost:
            lost = [
                (name, [self._show(p)]) for name, p in zip(public.regimes, sensor.lost, strict=True)
            ]
            parts.append(
                f"A reading may be lost (“{words.lost}” in the record). P(lost | "
                f"{words.regime}), in {self._unit}:\n\n" + table(words.regime, ["lost"], lost)
            )
        if sensor.delay:
            late = [f"+{d}" for d in range(len(sensor.delay[0]))]
            parts.append(self._delayed())
            parts.append(self._grid((words.regime, "delay"), late, sensor.delay))
        return "\n\n".join(parts)

    def _about(self, sensor: Sensor) -> str:
        words = self._setting
        if not sensor.lag:
            return (
                f"A reading at {words.step} t is about z_t."
                if self._protocol
                else f"It is about the {words.regime} of the {words.step} it is read at."
            )
        return (
            f"A reading at {words.step} t is about z_(t-{sensor.lag})."
            if self._protocol
            else f"It lags: what it shows is about the {words.regime} {sensor.lag} "
            f"{words.step}{'s' if sensor.lag > 1 else ''} before the {words.step} it is read at "
            f"({'all of this' if sensor.lost else 'this'} by the older {words.regime})."
        )

    def _dial(self, sensor: Sensor) -> str:
        circle = " → ".join([*self._public.symbols, self._public.symbols[0]])
        words = self._setting
        return (
            f"Its dial slips by one place after every {sensor.dial} {words.step}s: at "
            f"{words.step} t the record shows the {words.symbol} that stands ⌊(t - 1) / "
            f"{sensor.dial}⌋ places after the true one on the circle {circle}. The table is of "
            f"true {words.symbol}s."
        )

    def _delayed(self) -> str:
        words, last = self._setting, self._public.steps
        return (
            f"What it reads comes in late, by a number of {words.step}s that depends on the "
            f"{words.regime} it is about and not on the {words.symbol}; the record shows both. "
            f"What has not come in by {words.step} {last} is “{words.pending}”. P(delay | "
            f"{words.regime}), in {self._unit}:"
        )

    def record(self) -> str:
        """All readings, by the step at which they were scheduled."""
        public, words = self._public, self._setting
        head = (
            f"## The record\n\nIt is now the end of {words.step} {public.steps}. "
            f"Rows are the {words.step}s at which the {words.sensor}s were read"
            + (
                f"; “(+d)” says that the reading came in d {words.step}s later."
                if any(sensor.delay for sensor in public.sensors)
                else "."
            )
        )
        by_step: dict[int, dict[int, str]] = {}
        for reading in public.readings:
            by_step.setdefault(reading.step, {})[reading.sensor] = self._shown(reading)
        steps = range(1, public.steps + 1)
        if public.style.listed:
            lines = [
                f"- {words.step} {t}: "
                + (
                    "; ".join(
                        f"{public.sensors[s].name}: {text}"
                        for s, text in sorted(by_step.get(t, {}).items())
                    )
                    or "no reading"
                )
                for t in steps
            ]
            return f"{head}\n\n" + "\n".join(lines)
        names = [sensor.name for sensor in public.sensors]
        rows = [
            (str(t), [by_step.get(t, {}).get(s, "-") for s in range(len(names))]) for t in steps
        ]
        return f"{head} “-” means not read.\n\n" + table(words.step, names, rows)

    def _shown(self, reading: Reading) -> str:
        if reading.shown is None:
            return self._setting.pending
        if reading.shown == len(self._public.symbols):
            return self._setting.lost
        late = "" if reading.after is None else f" (+{reading.after})"
        return f"{self._public.symbols[reading.shown]}{late}"

    def counts(self) -> str:
        """Windows of which a bin of one count is known."""
        public, words = self._public, self._setting
        chances = [
            (name, [self._show(p)]) for name, p in zip(public.regimes, public.marks, strict=True)
        ]
        lines = [
            f"- {words.step}s {w.first} to {w.last}: from {w.low} to {w.high}"
            for w in public.windows
        ]
        return (
            f"## Counts\n\nIn one {words.step} there is at most one {words.mark}. "
            f"P({words.mark} | {words.regime}), in {self._unit}:\n\n"
            + table(words.regime, ["probability"], chances)
            + f"\n\nOf some stretches it is known how many {words.step}s had one, up to a bin. The "
            "stretches and the bins were fixed beforehand; all bounds are included.\n\n"
            + "\n".join(lines)
        )

    def plans(self) -> str:
        """What may be done, and what it pays."""
        public, words = self._public, self._setting
        rows = [
            (
                plan.name,
                [
                    *(f"{pay:g}" for pay in plan.pay),
                    f"{plan.fee:g}",
                    "-" if plan.ends is None else public.regimes[plan.ends],
                    *(["yes" if plan.pushes else "no"] if public.push else []),
                ],
            )
            for plan in public.plans
        ]
        columns = [*public.regimes, "fee", "ends on", *([words.push] if public.push else [])]
        first, last = public.steps + 1, public.steps + public.horizon
        extra = (
            f" Where the last column says yes, choosing the {words.plan} adds {article(words.push)}"
            f" at the end of {words.step} {public.steps}, beside those already fixed."
            if public.push
            else ""
        )
        return (
            f"## The {words.plan}s\n\nExactly one {words.plan} is chosen now, for {words.step}s "
            f"{first} to {last}. At each of these {words.step}s, while it runs, it pays the amount "
            f"under the {words.regime} of that {words.step} (negative: a loss), in "
            f"{public.currency}. The fee is paid once at the start (negative: it is received). "
            f"If the column “ends on” names {article(words.regime)}, the {words.plan} still pays "
            f"at the first of these {words.step}s that is in it and nothing after it.{extra}\n\n"
            + table(words.plan, columns, rows)
        )

    def contract(self) -> str:
        """What is asked, in which form, and how it is scored."""
        public, words = self._public, self._setting
        first, last, k = public.steps + 1, public.steps + public.horizon, len(public.regimes)
        order = ", ".join(public.regimes)
        plans = ", ".join(f"`{plan.name}`" for plan in public.plans)
        fixed = f", counting only the {words.push}s already fixed" if public.push else ""
        return (
            f"## What is asked\n\nAll stated numbers are exact. `task/instance.json` holds the "
            f"same data: indices count from 0, {words.step}s from 1; `shown` is the index of "
            f"{article(words.symbol)}, {len(public.symbols)} for “{words.lost}” and null for "
            f"“{words.pending}”.\n\n"
            "Answer with one JSON object with exactly these keys:\n\n"
            f"- `now`: P({words.regime} at {words.step} {public.steps} | all of the above), {k} "
            f"numbers in this order: {order};\n"
            f"- `earlier`: P({words.regime} at {words.step} {public.earlier} | all of the above), "
            "in the same order;\n"
            f"- `passage`: the distribution of the first {words.step} after {public.steps} that is "
            f"in “{public.regimes[public.target]}”{fixed}: "
            f"{public.horizon + 1} numbers, for {words.step}s {first} to {last} and, last, for "
            "none of them;\n"
            f"- `action`: the {words.plan} of the highest expected pay-off (the sum of all it "
            f"pays, minus the fee), one of {plans};\n"
            f"- `value`: that expected pay-off, in {public.currency}.\n\n"
            f"Each list has numbers in [0, 1] that sum to 1 (± {SUM_SLACK}).\n\n{self._scored()}"
        )

    def _scored(self) -> str:
        words = self._setting
        return (
            f"Score: {BELIEF} belief + {DECISION} decision + {CALIBRATION} calibration, where\n\n"
            "- belief = 1 - (TV of `now` + TV of `earlier`) / 2, with TV = ½ Σ |p - q| to the "
            "exact q;\n"
            f"- decision = 1 - {CHOICE} min(1, (B - E) / S) - {VALUE} min(1, |`value` - B| / S), "
            f"with E the exact expected pay-off of the chosen {words.plan}, B that of the best one "
            f"and S = B minus the mean over all {words.plan}s;\n"
            "- calibration = 1 - √(½ Σ (p - q)²) of `passage`: the root of half the expected Brier "
            "score above that of the exact q.\n\n"
            f"It passes if both TV, (B - E) / S, |`value` - B| / S and √(½ Σ (p - q)²) are each at "
            f"most {TOLERANCE}."
        )

    def _grid(
        self,
        corner: tuple[str, str],
        columns: tuple[str, ...] | list[str],
        values: tuple[tuple[float, ...], ...],
    ) -> str:
        cells = Cells(values, self._show, self._public.style.transposed)
        return grid(corner, self._public.regimes, columns, cells)
