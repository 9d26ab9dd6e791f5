"""A fit as files: `agents.csv` and `items.csv` for people, `fit.json` to read it back exactly.

JSON keeps every double (shortest text that gives it back); NaN is null. The tables are rounded to
six digits and hold nothing that fit.json and the responses do not.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, ValidationError

from evaluators._saving import save_files
from evaluators.irt._fit import Abilities, Fit, ItemBank, Population
from evaluators.irt._fit_tables import Counts, agent_rows, grid_csv, item_rows
from evaluators.irt._model import Layout, model_named
from evaluators.irt._responses import Dropped, Floats, ResponseTable
from tasks import JSON, Frozen, ProctorError, RecordError

AGENTS, ITEMS, FIT = "agents.csv", "items.csv", "fit.json"
SCHEMA = 1


class _Loss(Frozen):
    rows: int
    reason: str
    names: tuple[str, ...]


class _Saved(Frozen):
    """fit.json."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True, strict=False)

    version: Literal[1] = Field(default=SCHEMA, alias="schema")
    what: Literal["a fit of proctor irt"] = "a fit of proctor irt"
    asked: dict[str, JSON]
    """What the caller wants remembered: data, options."""
    versions: dict[str, str]
    model: str
    estimator: str
    converged: bool
    reason: str
    log_likelihood: float | None
    aic: float | None
    bic: float | None
    n_parameters: int
    n_cells: int
    dropped: tuple[_Loss, ...]
    notes: tuple[str, ...]
    population: dict[str, JSON]
    layout: dict[str, JSON]
    items: tuple[str, ...]
    x: JSON
    covariance: JSON
    agents: tuple[str, ...]
    method: str
    theta: JSON
    se: JSON
    low: JSON
    high: JSON
    grid: JSON
    path: JSON


def write_fit(
    fit: Fit,
    folder: Path,
    *,
    table: ResponseTable | None = None,
    asked: Mapping[str, JSON] | None = None,
) -> list[Path]:
    """Write a fit into a folder, which is made if it is not there; each file is replaced whole.

    Args:
        fit: The fit.
        folder: Where to.
        table: The responses: adds counts and mean scores to the tables.
        asked: What fit.json shall remember of how it was made.

    Returns:
        The files.

    Raises:
        RecordError: it cannot be written.
    """
    counts = Counts.of(table)
    text = json.dumps(
        _saved(fit, dict(asked or {})).model_dump(mode="json"), indent=1, allow_nan=False
    )
    files = {
        AGENTS: grid_csv(agent_rows(fit, counts)),
        ITEMS: grid_csv(item_rows(fit, counts)),
        FIT: text.encode() + b"\n",
    }
    return save_files(folder, files, what="fit")


def read_fit(folder: Path) -> Fit:
    """The fit that `write_fit` wrote; every number as it was.

    Args:
        folder: The folder, or its fit.json.

    Raises:
        RecordError: it is not there, damaged, or not a fit of this Proctor.
    """
    path = folder if folder.name == FIT else folder / FIT
    try:
        saved = _Saved.model_validate_json(path.read_bytes(), strict=False)
        return _fit(saved)
    except FileNotFoundError:
        raise RecordError(
            f"There is no fit in {folder}: no {FIT}. `proctor irt fit DATA --out {folder}` makes "
            "one."
        ) from None
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise RecordError(
            f"{path} is not a fit that this Proctor wrote ({error.error_count()} faults; the first "
            f"at {where}: {first['msg']}). Fit again with `proctor irt fit`."
        ) from None
    except (ValueError, TypeError, KeyError, ProctorError) as error:
        raise RecordError(
            f"{path} is damaged, or of another Proctor: {error} Fit again with `proctor irt fit`."
        ) from error


def _saved(fit: Fit, asked: dict[str, JSON]) -> _Saved:
    bank, abilities = fit.bank, fit.abilities
    return _Saved(
        asked=asked,
        versions=_versions(),
        model=bank.model.name,
        estimator=fit.estimator,
        converged=bool(fit.converged),
        reason=fit.reason,
        log_likelihood=_number(fit.log_likelihood),
        aic=_number(fit.aic),
        bic=_number(fit.bic),
        n_parameters=int(fit.n_parameters),
        n_cells=int(fit.n_cells),
        dropped=tuple(
            _Loss(rows=int(one.rows), reason=one.reason, names=one.names) for one in fit.dropped
        ),
        notes=fit.notes,
        population=_plain(bank.population),
        layout=_plain(bank.layout),
        items=bank.items,
        x=_listed(bank.x),
        covariance=_listed(bank.covariance),
        agents=abilities.agents,
        method=abilities.method,
        theta=_listed(abilities.theta),
        se=_listed(abilities.se),
        low=_listed(abilities.low),
        high=_listed(abilities.high),
        grid=_listed(fit.grid),
        path=_listed(np.asarray(fit.path, dtype=np.float64)),
    )


def _fit(saved: _Saved) -> Fit:
    n_items, n_agents = len(saved.items), len(saved.agents)
    x = _array(saved.x, "x", n_items)
    bank = ItemBank(
        model_named(saved.model),
        _rebuilt(Layout, saved.layout),
        saved.items,
        x,
        _array(saved.covariance, "covariance", n_items),
        _rebuilt(Population, saved.population),
    )
    if bank.covariance.shape != (*x.shape, x.shape[-1]):
        raise ValueError(
            f"the covariance has the shape {bank.covariance.shape} beside parameters of {x.shape}."
        )
    abilities = Abilities(
        saved.agents,
        _array(saved.theta, "theta", n_agents),
        _array(saved.se, "se", n_agents),
        saved.method,
        _array(saved.low, "low", n_agents),
        _array(saved.high, "high", n_agents),
    )
    return Fit(
        bank,
        abilities,
        float("nan") if saved.log_likelihood is None else saved.log_likelihood,
        tuple(_array(saved.path, "path", None).tolist()),
        saved.n_parameters,
        saved.n_cells,
        saved.estimator,
        saved.converged,
        saved.reason,
        _array(saved.grid, "grid", None),
        tuple(Dropped(one.rows, one.reason, one.names) for one in saved.dropped),
        saved.notes,
    )


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"numpy": np.__version__}
    for name in ("proctor", "scipy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _listed(values: Floats) -> JSON:
    """An array as nested lists; NaN is None, infinities are told apart by their names."""
    whole = np.asarray(values, dtype=np.float64)
    if np.all(np.isfinite(whole)):
        return whole.tolist()
    plain = whole.astype(object)
    plain[np.isnan(whole)] = None
    plain[np.isposinf(whole)] = "inf"
    plain[np.isneginf(whole)] = "-inf"
    return plain.tolist()


def _array(values: JSON, name: str, rows: int | None) -> Floats:
    try:
        found = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"`{name}` is no array of numbers.") from None
    if rows is not None and (found.ndim == 0 or len(found) != rows):
        raise ValueError(f"`{name}` has the shape {found.shape}, where {rows} rows are needed.")
    return found


def _plain(value: Layout | Population) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for one in fields(value):
        stated = getattr(value, one.name)
        found[one.name] = _listed(stated) if isinstance(stated, np.ndarray) else stated
    return found


def _rebuilt(kind: Any, stated: Mapping[str, JSON]) -> Any:
    """A Layout or a Population from what `_plain` made of it: lists of numbers are arrays."""
    known = {one.name for one in fields(kind)}
    strange = sorted({*stated} - known)
    if strange:
        raise ValueError(f"{kind.__name__} has no {strange[0]!r} here.")
    found: dict[str, Any] = {}
    for name, value in stated.items():
        if isinstance(value, list):
            # A field whose default is a tuple holds names; the others hold numbers.
            names = isinstance(getattr(kind, name, None), tuple)
            found[name] = tuple(value) if names else _array(value, name, None)
        else:
            found[name] = value
    return kind(**found)
