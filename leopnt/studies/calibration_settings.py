"""The file of a calibration: where station-days come from, what is estimated, and the datum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from leopnt.epochs import Epoch
from leopnt.errors import LeopntError, did_you_mean
from leopnt.methods.calibration import (
    CONSTELLATIONS,
    ERROR_SCHEMES,
    NO_ERRORS,
    SEED_SETTINGS,
    STATIONS_ECEF_M,
    CalibrationSettings,
    Datum,
    DelayModel,
    DelaySwing,
    DelayZeroSum,
    FreeClock,
    FreeNodes,
    IsbReference,
    IsbZeroSum,
    KnownClock,
    LeoClock,
    OncePerRevolution,
    OrbitModel,
    PhasePattern,
    ProductErrors,
    RandomWalkDelay,
    RandomWalkNodes,
    SharedLevel,
    SimulatedNoise,
    WhiteClock,
    WhiteDelay,
    WithPattern,
    ZenithModel,
)
from leopnt.scenes.settings import (
    SettingsTable,
    field_problems,
    listed,
    read_toml,
    require_file_of,
    shown,
    table_of,
)
from leopnt.studies.calibration_files import FilesTable, file_problems, input_files
from leopnt.studies.calibration_refinement import (
    Refinement,
    RobustTable,
    VarianceTable,
    refinement_of,
    refinement_problems,
)
from leopnt.studies.study_file import versions

Name = Annotated[str, Field(min_length=1, max_length=20)]
Meters = Annotated[float, Field(ge=0, le=10.0)]
Position = Annotated[
    list[Annotated[float, Field(ge=-1e7, le=1e7)]], Field(min_length=3, max_length=3)
]

_STATIONS = ", ".join(STATIONS_ECEF_M)
_WALK_NODES_MIN = 10.0
_OWN_CONSTELLATION = ("satellites", "planes", "altitude_km")


def _amplitude(of: str) -> Any:
    """An amplitude that replaces that of the scheme."""
    return Field(
        default=None, description=f"the amplitude {of} in metres, 0 to 10; default: the scheme's"
    )


class ErrorsTable(SettingsTable):
    """`[simulation.errors]`: errors of the LEO orbit and clock products."""

    scheme: Literal["none", 1, 2, 3, 4, 5, 6] = Field(
        default=1, description="a published scheme, 1 to 6, or 'none'"
    )
    radial_m: Meters | None = _amplitude("of radial errors")
    along_m: Meters | None = _amplitude("of along-track errors")
    normal_m: Meters | None = _amplitude("of errors normal to the orbit")
    clock_m: Meters | None = _amplitude("of periodic clock errors")
    clock_white_m: Meters | None = Field(
        default=None,
        description="the standard deviation of white clock errors in metres, 0 to 10; default: "
        "the scheme's",
    )
    period_s: Annotated[float, Field(ge=60, le=1e7)] | Literal["revolution"] = Field(
        default=10800.0, description="seconds, 60 to 1e7, or 'revolution' (that of each satellite)"
    )

    def errors(self) -> ProductErrors:
        """As the simulation takes them."""
        base = NO_ERRORS if self.scheme == "none" else ERROR_SCHEMES[self.scheme]
        given = self.model_dump(exclude={"scheme", "period_s"}, exclude_none=True)
        period = np.inf if self.period_s == "revolution" else self.period_s
        return replace(base, period_s=period, **given)


class NoiseTable(SettingsTable):
    """`[simulation.noise]`: white noise, what walks, and gross errors."""

    code_m: float = Field(
        default=0.3, ge=0, le=100, description="of ionosphere-free code in metres, 0 to 100"
    )
    phase_m: float = Field(
        default=0.003, ge=0, le=1, description="of ionosphere-free phase in metres, 0 to 1"
    )
    zenith_walk_m_per_sqrt_h: float = Field(
        default=0.005,
        ge=0,
        le=1,
        description="the walk of the zenith delay in metres per square root of an hour, 0 to 1",
    )
    zenith_level_m: float = Field(
        default=0.05, ge=0, le=1, description="the zenith delay of a day in metres, 0 to 1"
    )
    clock_walk_m: float = Field(
        default=0.1, ge=0, le=1e3, description="the receiver clock's step in metres, 0 to 1000"
    )
    wavelength_m: float = Field(
        default=0.107, gt=0, le=10, description="of which ambiguities are multiples, in metres"
    )
    gross_share: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="the share of codes and phases with a gross error, 0 to 0.5",
    )
    gross_code_m: float = Field(
        default=20.0, ge=0, le=1e6, description="the largest gross error of code, 0 to 1e6 metres"
    )
    gross_phase_m: float = Field(
        default=0.5, ge=0, le=1e6, description="the largest gross error of phase, 0 to 1e6 metres"
    )

    def noise(self) -> SimulatedNoise:
        """As the simulation takes it."""
        return SimulatedNoise(**self.model_dump())


class SwingTable(SettingsTable):
    """`[simulation.swing]`: how delays of all satellites vary, A cos(2 pi t / T)."""

    amplitude_m: Meters = Field(default=0.0, description="metres, 0 to 10")
    period_s: float = Field(default=43200.0, ge=60, le=1e7, description="seconds, 60 to 1e7")

    def swing(self) -> DelaySwing:
        """As the simulation takes it."""
        return DelaySwing(**self.model_dump())


class SimulationTable(SettingsTable):
    """`[simulation]`: station-days that are drawn, so that the truth is known."""

    constellation: Literal["A", "B", "C", "D", "E"] | None = Field(
        default=None, description="'A', 'B', 'C', 'D' or 'E', a published constellation"
    )
    satellites: int | None = Field(
        default=None, ge=1, le=999, description="the number of satellites, 1 to 999"
    )
    planes: int | None = Field(
        default=None,
        ge=1,
        le=999,
        description="the number of polar planes, 1 to 999",
    )
    altitude_km: float | None = Field(
        default=None, ge=150, le=10_000, description="the altitude in km, 150 to 10000"
    )
    stations: Annotated[list[Name], Field(min_length=1)] = Field(
        default=list(STATIONS_ECEF_M),
        description=f"a list of names out of {_STATIONS} or of [simulation.positions_ecef_m]",
    )
    positions_ecef_m: dict[Name, Position] = Field(
        default={}, description="a station's x, y, z in metres, -1e7 to 1e7"
    )
    start: str = Field(
        default="2025-01-01T00:00:00Z", description="a UTC time, as '2025-01-01T00:00:00Z'"
    )
    days: int = Field(default=1, ge=1, le=366, description="whole days, 1 to 366")
    sampling_s: float = Field(
        default=30.0, gt=0, le=3600, description="seconds between epochs, above 0 to 3600"
    )
    seed: int = Field(default=1, ge=0, lt=2**63, description="a whole number, 0 or more")
    errors: ErrorsTable = Field(default=ErrorsTable(), description="a table of errors")
    noise: NoiseTable = Field(default=NoiseTable(), description="a table of noise")
    swing: SwingTable = Field(default=SwingTable(), description="a table of a varying delay")

    @property
    def size(self) -> tuple[int, int, float]:
        """Satellites, planes and altitude [m]."""
        if self.constellation is not None:
            return CONSTELLATIONS[self.constellation]
        assert self.satellites is not None
        assert self.altitude_km is not None
        return self.satellites, self.planes or 1, 1e3 * self.altitude_km

    @property
    def satellite_names(self) -> tuple[str, ...]:
        """L01, L02 and so on; L001 from 100 satellites on."""
        number = self.size[0]
        width = max(2, len(str(number)))
        return tuple(f"L{i + 1:0{width}d}" for i in range(number))


class OrbitTable(SettingsTable):
    """`[estimate.amplitudes]`: expected orbit and clock errors once per revolution."""

    radial_m: float = Field(default=0.02, gt=0, le=100, description="metres, above 0 to 100")
    along_m: float = Field(default=0.02, gt=0, le=100, description="metres, above 0 to 100")
    normal_m: float = Field(default=0.02, gt=0, le=100, description="metres, above 0 to 100")
    clock_m: float = Field(default=0.02, gt=0, le=100, description="metres, above 0 to 100")


class PatternTable(SettingsTable):
    """`[estimate.pattern]`: phase-center variations over the nadir angle, beside the offset."""

    step_deg: float = Field(
        default=10.0, ge=1, le=30, description="degrees between nodes of nadir angle, 1 to 30"
    )
    to_deg: float = Field(
        default=60.0, gt=0, le=90, description="the last node in degrees, above 0 to 90"
    )
    harmonics: int = Field(default=0, ge=0, le=6, description="of azimuth, 0 to 6")
    sigma_m: float = Field(
        default=0.1, gt=0, le=10, description="the prior of coefficients in metres, above 0 to 10"
    )

    def pattern(self) -> PhasePattern:
        """As the estimation takes it."""
        nodes = np.radians(np.arange(0.0, self.to_deg + 1e-9, self.step_deg))
        return PhasePattern(tuple(nodes.tolist()), self.harmonics, self.sigma_m)


class EstimateTable(SettingsTable):
    """`[estimate]`: weights, zenith delay nodes, and what is estimated of orbits."""

    settings: Literal["honest", "seed"] = Field(
        default="honest",
        description="'honest' or 'seed' (as published: 2 h nodes, equal sigmas, orbits exact)",
    )
    orbit: Literal["once_per_revolution", "considered", "known"] | None = Field(
        default=None,
        description="'once_per_revolution' (errors are estimated), 'considered' (orbits are taken "
        "as exact, their errors enter the honest sigma) or 'known' (formal sigma alone)",
    )
    amplitudes: OrbitTable = Field(default=OrbitTable(), description="a table of amplitudes")
    code_sigma_m: float | None = Field(
        default=None, gt=0, le=100, description="metres, above 0 to 100"
    )
    phase_sigma_m: float | None = Field(
        default=None, gt=0, le=10, description="metres, above 0 to 10"
    )
    leo_phase_sigma_m: float | None = Field(
        default=None, gt=0, le=10, description="metres, above 0 to 10"
    )
    ztd_nodes_min: float | None = Field(
        default=None, gt=0, le=1440, description="minutes between nodes, above 0 to 1440"
    )
    zenith: Literal["nodes", "random_walk"] = Field(
        default="nodes", description="'nodes' (free ones) or 'random_walk' (each near the last)"
    )
    zenith_rate_m_per_sqrt_h: float = Field(
        default=0.005, gt=0, le=1, description="metres per square root of an hour, above 0 to 1"
    )
    leo_clock: Literal["known", "white", "free"] = Field(
        default="known",
        description="'known', 'white' (white noise about the clock product) or 'free' (a clock at "
        "each epoch, which contains the delay)",
    )
    leo_clock_sigma_m: float = Field(
        default=0.01, gt=0, le=100, description="of white noise in metres, above 0 to 100"
    )
    pattern: PatternTable | None = Field(default=None, description="a table of a phase pattern")
    robust: RobustTable | None = Field(default=None, description="a table of robust weights")
    variance_components: VarianceTable | None = Field(
        default=None, description="a table of sigmas that residuals tell"
    )
    full_weight_deg: float = Field(
        default=30.0, ge=0, le=90, description="an elevation in degrees, 0 to 90"
    )
    mask_deg: float = Field(
        default=10.0, ge=0, lt=90, description="the lowest elevation in degrees, 0 to below 90"
    )

    @property
    def orbit_model(self) -> str:
        """What is done about orbit errors, the default of the settings filled in."""
        defaults = {"honest": "once_per_revolution", "seed": "considered"}
        return self.orbit or defaults[self.settings]

    def refinement(self) -> Refinement | None:
        """What is weighted anew in rounds; None for nothing."""
        return refinement_of(self.robust, self.variance_components)

    def calibration(self) -> CalibrationSettings:
        """For the reduction; orbit columns are there unless the orbit is known."""
        base = SEED_SETTINGS if self.settings == "seed" else CalibrationSettings()
        names = ("code_sigma_m", "phase_sigma_m", "leo_phase_sigma_m")
        given: dict[str, Any] = {n: getattr(self, n) for n in names if getattr(self, n) is not None}
        if self.leo_clock != "known":  # the clock's noise is not in the sigma of phase
            phase = given.get("phase_sigma_m", base.phase_sigma_m)
            given.setdefault("leo_phase_sigma_m", phase)
        nodes_min = self.ztd_nodes_min or (_WALK_NODES_MIN if self.zenith != "nodes" else None)
        if nodes_min is not None:
            given["ztd_spacing_s"] = 60.0 * nodes_min
        orbit: OrbitModel = SEED_SETTINGS.orbit
        if self.orbit_model != "known":
            orbit = OncePerRevolution(**self.amplitudes.model_dump())
        if self.pattern is not None:
            orbit = WithPattern(orbit, self.pattern.pattern())
        return replace(
            base,
            orbit=orbit,
            zenith=self._zenith(),
            leo_clock=self._clock(),
            full_weight_el_rad=float(np.radians(self.full_weight_deg)),
            mask_rad=float(np.radians(self.mask_deg)),
            **given,
        )

    def _zenith(self) -> ZenithModel:
        walk = RandomWalkNodes(self.zenith_rate_m_per_sqrt_h)
        return walk if self.zenith == "random_walk" else FreeNodes()

    def _clock(self) -> LeoClock:
        white = WhiteClock(self.leo_clock_sigma_m)
        return {"known": KnownClock(), "white": white, "free": FreeClock()}[self.leo_clock]


class DatumTable(SettingsTable):
    """`[datum]`: what fixes the level of delays and inter-system biases."""

    hold: Literal["isb_zero_sum", "isb_reference", "delay_zero_sum"] = Field(
        default="isb_zero_sum",
        description="'isb_zero_sum', 'isb_reference' (with isb_m) or 'delay_zero_sum'",
    )
    isb_m: dict[Name, Annotated[float, Field(ge=-1e6, le=1e6)]] = Field(
        default={}, description="a station's inter-system bias in metres, -1e6 to 1e6"
    )

    def datum(self, stations: tuple[str, ...]) -> Datum:
        """As the solution takes it."""
        if self.hold == "isb_reference":
            return IsbReference({stations.index(n): v for n, v in self.isb_m.items()})
        return DelayZeroSum() if self.hold == "delay_zero_sum" else IsbZeroSum()

    def sentence(self) -> str:
        """What is held, stations by name."""
        if self.hold == "isb_reference":
            known = ", ".join(f"{name} is {value:g} m" for name, value in self.isb_m.items())
            return f"the inter-system bias of {known}"
        return self.datum(()).describe()


class DelaysTable(SettingsTable):
    """`[delays]`: the delay of each epoch, offsets held (step 3)."""

    model: Literal["off", "shared_level", "white", "random_walk"] = Field(
        default="off", description="'off', 'shared_level', 'white' or 'random_walk'"
    )
    sigma_m: float = Field(
        default=0.03,
        gt=0,
        le=1e3,
        description="of the white part in metres, above 0 to 1000 (shared_level, white)",
    )
    rate_m2ps: float = Field(
        default=1e-8,
        gt=0,
        le=1e3,
        description="the variance per second in m^2/s, above 0 to 1000 (random_walk)",
    )

    def delay_model(self) -> DelayModel | None:
        """As step 3 takes it; None for off."""
        models = {
            "off": None,
            "shared_level": SharedLevel(self.sigma_m),
            "white": WhiteDelay(self.sigma_m),
            "random_walk": RandomWalkDelay(self.rate_m2ps),
        }
        return models[self.model]


class CalibrationOutputTable(SettingsTable):
    """`[output]`: where results go, and what takes a second look at the station-days."""

    directory: str | None = Field(
        default=None, pattern=r"^[^\x00]+$", description="a folder, made if it is not there"
    )
    residuals: bool = Field(
        default=True, description="true or false: residuals by elevation, correlations of arcs"
    )
    bootstrap_draws: int = Field(
        default=50,
        ge=0,
        le=10_000,
        description="draws of days, 0 (none) to 10000; with 3 days or more",
    )
    antex_frequencies: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Z][0-9]{2}$")]], Field(min_length=1)
    ] = Field(default=["G01", "G05"], description="a list of ANTEX codes, as 'G01'")


class CalibrationFile(SettingsTable):
    """The whole file."""

    title: str = Field(default="", description="text")
    simulation: SimulationTable | None = Field(
        default=None, description="a table of what is simulated"
    )
    files: FilesTable | None = Field(default=None, description="a table of files")
    estimate: EstimateTable = Field(default=EstimateTable(), description="a table of settings")
    datum: DatumTable = Field(default=DatumTable(), description="a table with hold")
    delays: DelaysTable = Field(default=DelaysTable(), description="a table with model")
    output: CalibrationOutputTable = Field(
        default=CalibrationOutputTable(), description="a table with directory"
    )


@dataclass(frozen=True)
class CalibrationStudy:
    """A checked calibration file.

    Attributes:
        path: of the file; folder: that its paths count from; text: its content.
        settings: its tables.
        fingerprint: digest of all that the reduced normal equations depend on: input, weights,
            nodes, orbit model, versions. Datum, delays, output and what is done in rounds may
            change between runs.
    """

    path: Path
    folder: Path
    text: str
    settings: CalibrationFile
    fingerprint: str

    @property
    def title(self) -> str:
        """Of the file, else its name."""
        return self.settings.title or self.path.stem.replace("_", " ")


def load_calibration(path: str | Path) -> CalibrationStudy:
    """Read and check a calibration file without running it.

    Raises:
        LeopntError: no such file; a file for another command; or a line for every mistake: its
            place, the value found, what is accepted, and the nearest accepted word.
        FormatError: not TOML.
    """
    path = Path(path)
    text, raw = read_toml(path)
    require_file_of("calibrate", path, raw)
    problems = list(dict.fromkeys(calibration_problems(raw, path.parent)))
    if problems:
        raise LeopntError(listed(path, problems))
    settings = CalibrationFile.model_validate(raw)
    return CalibrationStudy(path, path.parent, text, settings, _fingerprint(settings, path.parent))


def calibration_problems(raw: dict[str, Any], folder: Path) -> Iterator[str]:
    """Every mistake of a calibration file, as sentences."""
    yield from field_problems(CalibrationFile, raw)
    sources = [name for name in ("simulation", "files") if name in raw]
    if len(sources) != 1:
        found = "both are there" if sources else "neither is there"
        yield f"[simulation], [files]: {found}; expected one of them, where observations come from."
    if "simulation" in sources:
        yield from _simulation_problems(table_of(raw, "simulation"))
    if "files" in sources:
        yield from file_problems(table_of(raw, "files"), folder)
    yield from _datum_problems(raw, sources)
    yield from _estimate_problems(table_of(raw, "estimate"))
    yield from _delay_problems(table_of(raw, "delays"))
    yield from _free_clock_problems(raw)


def _simulation_problems(raw: dict[str, Any]) -> Iterator[str]:
    own = [name for name in _OWN_CONSTELLATION if name in raw]
    if "constellation" in raw and own:
        yield (
            f"[simulation] constellation: contradicts {', '.join(own)}; expected a published "
            "constellation or one of your own."
        )
    if "constellation" not in raw:
        needed = ("satellites", "altitude_km")
        missing = [name for name in needed if name not in raw]
        if missing:
            yield (
                f"[simulation] {', '.join(missing)}: missing; expected satellites, planes and "
                "altitude_km, or a published constellation."
            )
    sats, planes = raw.get("satellites"), raw.get("planes", 1)
    if isinstance(sats, int) and isinstance(planes, int) and planes > 0 and sats % planes:
        yield f"[simulation] planes = {planes}: expected a divisor of satellites = {sats}."
    yield from _station_problems(raw)
    start = raw.get("start")
    if isinstance(start, str):
        try:
            Epoch.from_iso(start)
        except LeopntError as error:
            yield f"[simulation] start = {shown(start)}: {error}"


def _station_problems(raw: dict[str, Any]) -> Iterator[str]:
    own = table_of(raw, "positions_ecef_m")
    known = [*STATIONS_ECEF_M, *own]
    names = raw.get("stations", list(STATIONS_ECEF_M))
    if not isinstance(names, list):
        return
    for i, name in enumerate(names):
        if isinstance(name, str) and name not in known:
            yield (
                f"[simulation] stations[{i}]: no station {shown(name)}."
                f"{did_you_mean(name, known)} Known: {', '.join(known)}; others by "
                "[simulation.positions_ecef_m]."
            )
        elif names.index(name) < i:
            yield f"[simulation] stations[{i}]: {shown(name)} is there twice; expected it once."
    for name in own:
        if name not in names:
            yield (
                f"[simulation.positions_ecef_m] {name}: is not in stations; expected the place of "
                "a station that is."
            )


def _datum_problems(raw: dict[str, Any], sources: list[str]) -> Iterator[str]:
    table = table_of(raw, "datum")
    known = table_of(table, "isb_m")
    if table.get("hold") == "isb_reference" and not known:
        yield "[datum] isb_m: missing; expected a station and its bias, as { SHAO = 1.25 }."
    if known and table.get("hold") != "isb_reference":
        yield "[datum] isb_m: is for hold = 'isb_reference' only; leave it out."
    stations = table_of(raw, "simulation").get("stations", list(STATIONS_ECEF_M))
    if sources == ["simulation"] and isinstance(stations, list):
        for name in known:
            if name not in stations:
                yield (
                    f"[datum] isb_m: no station {shown(name)} in this study."
                    f"{did_you_mean(name, [s for s in stations if isinstance(s, str)])} "
                    f"Accepted: {', '.join(map(str, stations))}."
                )


def _estimate_problems(raw: dict[str, Any]) -> Iterator[str]:
    if raw.get("orbit") == "known" and "amplitudes" in raw:
        yield "[estimate] amplitudes: contradicts orbit = 'known'; leave one of them out."
    for name, choice, default, needed in (
        ("leo_clock_sigma_m", "leo_clock", "known", "white"),
        ("zenith_rate_m_per_sqrt_h", "zenith", "nodes", "random_walk"),
    ):
        found = raw.get(choice, default)
        if name in raw and found != needed:
            yield f"[estimate] {name}: is not used with {choice} = {shown(found)}; leave it out."
    pattern = table_of(raw, "pattern")
    step, last = pattern.get("step_deg", 10.0), pattern.get("to_deg", 60.0)
    if isinstance(step, int | float) and isinstance(last, int | float) and last < 3 * step:
        yield (
            f"[estimate.pattern] to_deg = {shown(last)}: expected 3 times step_deg = {shown(step)} "
            "or more: four nodes."
        )
    yield from refinement_problems(raw)


def _free_clock_problems(raw: dict[str, Any]) -> Iterator[str]:
    """What needs a delay, which a free clock contains."""
    if table_of(raw, "estimate").get("leo_clock") != "free":
        return
    model = table_of(raw, "delays").get("model", "off")
    if model != "off":
        yield (
            f"[delays] model = {shown(model)}: contradicts leo_clock = 'free', which contains the "
            "delay; expected 'off'."
        )
    if table_of(raw, "datum").get("hold") == "delay_zero_sum":
        yield (
            "[datum] hold = 'delay_zero_sum': contradicts leo_clock = 'free', which contains the "
            "delay; expected 'isb_zero_sum' or 'isb_reference'."
        )


def _delay_problems(raw: dict[str, Any]) -> Iterator[str]:
    model = raw.get("model", "off")
    uses = {"off": (), "random_walk": ("rate_m2ps",)}.get(str(model), ("sigma_m",))
    for name in ("sigma_m", "rate_m2ps"):
        if name in raw and name not in uses:
            yield f"[delays] {name}: is not used with model = {shown(model)}; leave it out."


def _fingerprint(settings: CalibrationFile, folder: Path) -> str:
    """Digest of what the reduced normal equations depend on."""
    files = input_files(settings.files, folder) if settings.files else ()
    content = {
        "settings": settings.model_dump(mode="json", include={"simulation", "files"}),
        "estimate": repr(settings.estimate.calibration()),
        "files": [_digest(file) for file in files],
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
