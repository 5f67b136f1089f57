"""Pattern files of all kinds, attitudes and sigmas per beam that settings of a power fix name."""

import numpy as np
import pytest
from pattern_files import antenna, write_csv, write_grd, write_mat

from leopnt.errors import LeopntError
from leopnt.methods.power.from_file import power_log, power_options
from leopnt.methods.power.log_model import EllipsoidHeight, priors_of
from leopnt.noise.folded import FoldedAmplitude
from leopnt.noise.rician import Rician
from leopnt.scenes.pattern_files import read_pattern
from leopnt.scenes.power_scene import load_power_scene

U, V = 0.13, 0.07
SETTINGS = """
[measurement]
type = "power"
file = "log.csv"
carrier_hz = 1.6e9
integration_s = 1e-3
{measurement}
[measurement.columns]
sat_pos_ecef_m = ["x", "y", "z"]
sat_vel_ecef_mps = ["vx", "vy", "vz"]
{columns}
[antenna]
file = "{file}"
{antenna}
[estimate]
{estimate}
"""
HALF = np.sqrt(0.5)
LOG = f"""time_s,satellite,beam,power_dbw,x,y,z,vx,vy,vz,qw,qx,qy,qz
0,A,north,-130,7151e3,0,0,0,7000,0,{HALF},0,{-HALF},0
0,A,south,-131,7151e3,0,0,0,7000,0,{HALF},0,{-HALF},0
"""
QUATERNION = 'quaternion = ["qw", "qx", "qy", "qz"]'


def scene_of(folder, file="p.csv", log=LOG, **more):
    (folder / "log.csv").write_text(log)
    if not (folder / "p.csv").exists():
        write_csv(folder / "p.csv", "cosines")
    given = dict.fromkeys(("measurement", "columns", "antenna", "estimate"), "") | more
    (folder / "fix.toml").write_text(SETTINGS.format(file=file, **given))
    return load_power_scene(folder / "fix.toml")


def refused(folder, **more):
    with pytest.raises(LeopntError) as caught:
        scene_of(folder, **more)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "write", "names", "tables"),
    [
        ("p.MAT", write_mat, ["1", "2"], ""),
        ("p.grd", write_grd, ["1", "2"], "eirp_offset_db = 20.0"),
        ("p.csv", write_csv, ["north", "south"], ""),
    ],
)  # fmt: skip
def test_a_pattern_file_is_read_by_its_ending(tmp_path, name, write, names, tables, evidence):
    write(tmp_path / name, "cosines")
    log = LOG.replace("north", names[0]).replace("south", names[1])
    beams = scene_of(tmp_path, name, log, antenna=tables).beams
    assert list(beams.names) == names
    off = np.asarray(beams.antenna.eirp_dbw(U, V)) - np.asarray(antenna().eirp_dbw(U, V))
    evidence(
        "scenes.pattern_files",
        f"EIRP of a pattern from a file *{name[1:]}",
        "closed form of the array that the file was made of",
        "closed form",
        achieved=np.max(np.abs(off)),
        tolerance=0.02,
        unit="dB",
    )


def contours(coordinates="uv"):
    """Round beams of -3 dB at a radius of 0.1, parabolas in decibels."""
    lines = ["[file]", f"coordinates = {coordinates}"]
    turn = np.linspace(0.0, 2.0 * np.pi, 72, endpoint=False)
    for name, (u, v) in {"north": (0.1, 0.2), "south": (-0.2, 0.05)}.items():
        lines += [f"[beam {name}]", f"peak = {u}; {v}"]
        for level in (-1.0, -3.0, -12.0, -27.0):
            radius = 0.1 * np.sqrt(-level / 3.0)
            lines += ["[contour]", f"level = {level}"]
            lines += [
                f"P{i + 1} = {u + radius * np.cos(a):.9f}; {v + radius * np.sin(a):.9f}"
                for i, a in enumerate(turn)
            ]
    return "\n".join(lines) + "\n"


def test_contours_become_an_antenna_on_a_grid_of_its_own(tmp_path):
    (tmp_path / "p.gxt").write_text(contours())
    tables = "eirp_offset_db = [30.0, 27.0]"
    found = scene_of(tmp_path, "p.gxt", antenna=tables).beams.antenna
    square = np.array([(U - 0.1) ** 2 + (V - 0.2) ** 2, 1.0])
    level = np.asarray(found.eirp_dbw(U, V))
    assert level[0] == pytest.approx(30.0 - 300.0 * square[0], abs=0.15)
    assert np.isnan(level[1])
    (tmp_path / "p.gxt").write_text(contours("lonlat"))
    with pytest.raises(LeopntError, match=r"is in lonlat; expected coordinates = uv"):
        read_pattern(tmp_path / "p.gxt")


def test_noise_and_an_unknown_height_become_options(tmp_path):
    scene = scene_of(tmp_path)
    plain = power_options(scene.file.settings)
    assert isinstance(plain.noise, FoldedAmplitude)
    given = {"measurement": 'noise = "non-coherent"', "estimate": "height_sigma_m = inf"}
    scene = scene_of(tmp_path, **given)
    options = power_options(scene.file.settings)
    assert isinstance(options.noise, Rician)
    assert options.height.sigma_m == np.inf
    prior = priors_of(power_log(scene), scene.beams.antenna, options)[0]
    assert isinstance(prior, EllipsoidHeight)
    assert float(prior.weight_per_m) == 0.0
    assert "height_sigma_m = nan: expected" in refused(tmp_path, estimate="height_sigma_m = nan")
    message = refused(tmp_path, measurement='noise = "noncoherent"')
    assert "[measurement] noise = 'noncoherent': expected 'coherent'" in message


def test_sigmas_may_be_one_per_beam_in_a_list_or_a_file(tmp_path):
    listed = scene_of(tmp_path, estimate="eirp_sigma_db = [0.1, 0.4]")
    np.testing.assert_array_equal(listed.eirp_sigma_db, [0.1, 0.4])
    by_name = 'eirp_sigma_db = "sigma.csv"'
    (tmp_path / "sigma.csv").write_text("beam,sigma_db\nsouth,0.4\nnorth,0.1\n")
    read = scene_of(tmp_path, estimate=by_name)
    np.testing.assert_array_equal(read.eirp_sigma_db, [0.1, 0.4])
    options = power_options(read.file.settings, read.eirp_sigma_db)
    np.testing.assert_array_equal(options.sigma_cal_db, [0.1, 0.4])
    with pytest.raises(LeopntError, match=r"eirp_sigma_db = 'sigma\.csv' is a file; give the num"):
        power_options(read.file.settings)
    for rows, sentence in (
        ("north,0.1\n", "beam 'south' has 0 rows; expected one for each beam"),
        ("north,0.1\nsouth,-1\n", "sigma.csv:3: column 'sigma_db': -1; expected 0 or more."),
        ("north,0.1\nsuth,1\n", "sigma.csv:3: column 'beam': "),
    ):
        (tmp_path / "sigma.csv").write_text("beam,sigma_db\n" + rows)
        assert sentence in refused(tmp_path, estimate=by_name)
    message = refused(tmp_path, estimate="eirp_sigma_db = [0.1]")
    assert "[estimate] eirp_sigma_db: 1 numbers; expected one, or 2, one per beam of" in message


def test_an_antenna_may_be_held_as_quaternions_of_the_log_say(tmp_path):
    named = {"columns": QUATERNION, "antenna": 'attitude = "quaternion"'}
    axes = power_log(scene_of(tmp_path, **named)).axes_ecef
    # A quarter of a turn about -y: the boresight z looks along -x, to the Earth; x along z.
    expected = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(axes, np.stack([expected, expected]), atol=1e-12)
    message = refused(tmp_path, antenna='attitude = "quaternion"')
    assert "attitude = 'quaternion': needs [measurement.columns] quaternion, four" in message
    message = refused(tmp_path, columns=QUATERNION)
    assert "quaternion: goes with [antenna] attitude = 'quaternion'." in message
    long = LOG.replace(f"{HALF},0,{-HALF},0\n0", f"1,0,{-HALF},0\n0")
    assert "log.csv:2: columns qw, qx, qy, qz: a quaternion of length 1.2" in refused(
        tmp_path, log=long, **named
    )
