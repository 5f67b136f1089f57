"""Measurement logs: CSV and Parquet to columns, and a sentence for whatever is wrong with one."""

import csv
import gzip
import sys
from pathlib import Path

import numpy as np
import pytest

from leopnt.epochs import Epoch
from leopnt.errors import FormatError, LeopntError
from leopnt.io import measurements
from leopnt.io.measurements import read_measurements

HONG_KONG = (
    Path(__file__).parents[2] / "examples" / "data" / "iridium_hong_kong" / "iridium_doppler.csv"
)
SMALL = "time_s,sat,doppler_hz\n1.5,A,100.25\n2.5,B,-7e3\n3.5,A,99\n"


def written(folder, text, name="log.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read_small(path):
    return read_measurements(path, numbers=["time_s", "doppler_hz"], labels=["sat"])


def refused(path, **columns):
    with pytest.raises(LeopntError) as caught:
        read_measurements(path, **(columns or {"numbers": ["time_s", "doppler_hz"]}))
    return str(caught.value)


def test_columns_come_with_their_lines(tmp_path):
    table = read_small(written(tmp_path, SMALL))
    assert table.numbers["doppler_hz"].tolist() == [100.25, -7e3, 99.0]
    assert table.labels["sat"].names == ("A", "B")
    assert table.labels["sat"].index.tolist() == [0, 1, 0]
    assert table.line.tolist() == [2, 3, 4]
    assert len(table) == 3


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + SMALL,
        SMALL.replace("\n", "\r\n"),
        SMALL.replace("\n", "\r"),
        SMALL.replace(",", " ; "),
        SMALL.replace(",", "\t"),
        SMALL.replace(",", " , "),
        SMALL.replace("A", '"A"').replace("99", '"99"'),
        SMALL.removesuffix("\n"),
        gzip.compress(SMALL.encode()),
    ],
    ids=["BOM", "CRLF", "CR", "semicolons", "tabs", "blanks", "quotes", "no last newline", "gzip"],
)
def test_dialects_give_the_same_columns(tmp_path, text):
    plain = read_small(written(tmp_path, SMALL, "plain.csv"))
    table = read_small(written(tmp_path, text))
    assert table.numbers["time_s"].tolist() == plain.numbers["time_s"].tolist()
    assert table.numbers["doppler_hz"].tolist() == plain.numbers["doppler_hz"].tolist()
    assert table.labels["sat"].names == plain.labels["sat"].names
    assert table.line.tolist() == plain.line.tolist()


def test_comments_and_blank_lines_keep_the_line_numbers(tmp_path):
    text = "# made by hand\n\ntime_s,sat,doppler_hz\n# here it begins\n1,A,5\n\n  # late\n2,A,6\n"
    assert read_small(written(tmp_path, text)).line.tolist() == [5, 8]


def test_the_real_log_agrees_with_the_csv_module_to_the_last_bit(evidence):
    with HONG_KONG.open(newline="") as text:
        rows = list(csv.DictReader(text))
    names = [name for name in rows[0] if name != "sat_id"]
    table = read_measurements(HONG_KONG, numbers=names, labels=["sat_id"])
    expected = np.array([[float(row[name]) for row in rows] for name in names])
    found = np.array([table.numbers[name] for name in names])
    labels = table.labels["sat_id"]
    assert [labels.names[i] for i in labels.index] == [row["sat_id"] for row in rows]
    evidence(
        "io.measurements",
        "all numbers of the Iridium log",
        "csv module and float() of Python",
        "implementation",
        achieved=np.max(np.abs(found - expected)),
        tolerance=0.0,
    )


def test_small_blocks_give_the_same_table(monkeypatch):
    whole = read_measurements(HONG_KONG, numbers=["doppler_meas_hz"], labels=["sat_id"])
    monkeypatch.setattr(measurements, "BLOCK_BYTES", 500)
    calls = []
    parts = read_measurements(
        HONG_KONG,
        numbers=["doppler_meas_hz"],
        labels=["sat_id"],
        progress=lambda done, total: calls.append((done, total)),
    )
    assert np.array_equal(whole.numbers["doppler_meas_hz"], parts.numbers["doppler_meas_hz"])
    assert whole.labels["sat_id"].names == parts.labels["sat_id"].names
    assert np.array_equal(whole.labels["sat_id"].index, parts.labels["sat_id"].index)
    assert np.array_equal(whole.line, parts.line)
    assert len(calls) > 20
    assert calls[-1] == (HONG_KONG.stat().st_size, HONG_KONG.stat().st_size)


def test_times_are_read_as_utc(tmp_path):
    path = written(tmp_path, "t,x\n2016-12-31T23:59:60.5Z,1\n2017-01-01T00:00:00,2\n")
    table = read_measurements(path, numbers=["x"], instants=["t"])
    assert table.instants["t"].since(table.instants["t"][0]).tolist() == [0.0, 0.5]
    assert table.instants["t"][1] == Epoch.from_iso("2017-01-01T00:00:00Z")


def parquet(folder, **columns):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = folder / "log.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_gives_the_same_table_as_csv(tmp_path):
    text = read_small(written(tmp_path, SMALL))
    columns = {"sat": ["A", "B", "A"], "doppler_hz": [100.25, -7e3, 99.0]}
    binary = read_small(parquet(tmp_path, **columns, time_s=[1.5, 2.5, 3.5]))
    assert binary.numbers["doppler_hz"].tolist() == text.numbers["doppler_hz"].tolist()
    assert binary.labels["sat"].names == text.labels["sat"].names
    assert binary.line.tolist() == [1, 2, 3]  # rows, not lines


def test_parquet_takes_timestamps_whole_numbers_and_categories(tmp_path):
    pa = pytest.importorskip("pyarrow")
    utc = np.array(["2025-12-28T12:00:00.25", "2025-12-28T12:00:01"], "M8[us]")
    names = pa.array(["19", "25"]).dictionary_encode()
    path = parquet(tmp_path, t=utc, sat=names, number=[41917, 41918], hz=np.array([1, 2], "i2"))
    table = read_measurements(path, numbers=["hz"], labels=["sat", "number"], instants=["t"])
    assert table.labels["sat"].names == ("19", "25")
    assert table.labels["number"].names == ("41917", "41918")
    assert table.numbers["hz"].tolist() == [1.0, 2.0]
    assert table.instants["t"][0] == Epoch.from_iso("2025-12-28T12:00:00.25Z")


def test_a_parquet_file_is_known_by_its_content(tmp_path):
    path = parquet(tmp_path, time_s=[1.0], doppler_hz=[2.0])
    path = path.rename(tmp_path / "log.csv")
    assert read_measurements(path, numbers=["time_s"]).numbers["time_s"].tolist() == [1.0]


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    path = parquet(tmp_path, time_s=[1.0], doppler_hz=[2.0])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    message = refused(path)
    assert "pip install 'leopnt[parquet]', or save the log as CSV." in message


def test_a_missing_file_is_named_with_its_nearest_neighbor(tmp_path):
    written(tmp_path, SMALL, "bursts.csv")
    message = refused(tmp_path / "burst.csv")
    assert message.endswith("burst.csv: no such file. Did you mean 'bursts.csv'?")


def test_a_folder_is_no_log(tmp_path):
    assert "is a folder" in refused(tmp_path)


def test_a_wrong_column_lists_those_there_are(tmp_path):
    message = refused(written(tmp_path, SMALL), numbers=["time_s", "dopler_hz"])
    assert message.endswith(
        "log.csv:1: no column 'dopler_hz'. Did you mean 'doppler_hz'? The columns there are: "
        "'time_s', 'sat', 'doppler_hz'."
    )


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("2,B,fast", "column 'doppler_hz': expected a finite number, found 'fast'."),
        ("2,B,nan", "column 'doppler_hz': expected a finite number, found 'nan'."),
        ("2,B,inf", "column 'doppler_hz': expected a finite number, found 'inf'."),
        ("2,B,1e999", "column 'doppler_hz': expected a finite number, found '1e999'."),
        ("2,B,1_000", "column 'doppler_hz': expected a finite number, found '1_000'."),
        ("2,B,True", "column 'doppler_hz': expected a finite number, found 'True'."),
        ("2,B,0x10", "column 'doppler_hz': expected a finite number, found '0x10'."),
        ("2,B,", "column 'doppler_hz' is empty; expected a number (leave the row out if it is "),
        ('2,B,"7,5"', "found '7,5'. Write a decimal point, not a comma."),
        ("2,B,7.5 kHz", "found '7.5 kHz'. Write the number without its unit."),
        ("2,B", "2 values, but the header names 3 columns."),
        ("2,B,5,6", "4 values, but the header names 3 columns."),
        ('2,"B,5', "2 values, but the header names 3 columns."),
        ("2,,5", "column 'sat' is empty."),
        ("2,B\0,5", "holds NUL bytes, so it is not a text file."),
    ],
)
def test_a_bad_row_is_named_by_line_and_value(tmp_path, row, sentence):
    path = written(tmp_path, f"# x\ntime_s,sat,doppler_hz\n1,A,5\n{row}\n3,A,6\n")
    with pytest.raises(FormatError) as caught:
        read_small(path)
    assert f"log.csv:4: {sentence}" in str(caught.value) or sentence in str(caught.value)
    assert caught.value.line_number == 4


def test_a_quoted_value_over_two_lines_is_refused(tmp_path):
    path = written(tmp_path, 'time_s,sat\n1,"A\n2",B\n')
    with pytest.raises(FormatError, match=r"log\.csv:\d"):
        read_measurements(path, numbers=["time_s"], labels=["sat"])


def test_a_bad_time_is_named_by_line(tmp_path):
    path = written(tmp_path, "t\n2025-12-28T12:00:00Z\n28.12.2025\n")
    message = refused(path, instants=["t"])
    assert "log.csv:3: column 't': '28.12.2025' is not an ISO 8601 time" in message


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "log.csv: is empty; expected a header line with column names."),
        ("# nothing\n\n", "log.csv: is empty; expected a header line with column names."),
        ("time_s,doppler_hz\n", "log.csv: the log holds no measurement, only a header."),
        ("1.5,2\n2.5,3\n", "log.csv:1: the first line holds numbers (1.5, 2); expected column"),
        ("time_s,doppler_hz,time_s\n1,2,3\n", "log.csv:1: two columns are named 'time_s'."),
        (b"time_s,doppler_hz\n1,\xff\n", "byte b'\\xff' (line 1 or later) is not UTF-8"),
        (b"\x1f\x8b\x08broken", "a damaged gzip file"),
        (b"PAR1broken", "a damaged Parquet file"),
    ],
)
def test_a_file_that_is_no_log_gets_its_sentence(tmp_path, text, sentence):
    assert sentence in refused(written(tmp_path, text))


def test_an_empty_parquet_cell_is_named_by_row(tmp_path):
    path = parquet(tmp_path, time_s=[1.0, None], doppler_hz=[2.0, 3.0])
    assert "log.parquet:2: column 'time_s': expected a finite number, found nothing." in refused(
        path
    )


def test_a_parquet_column_of_text_is_no_number(tmp_path):
    path = parquet(tmp_path, time_s=["1", "2"], doppler_hz=[2.0, 3.0])
    assert "column 'time_s' holds string; expected numbers." in refused(path)


def test_a_parquet_time_that_is_missing_is_named_by_row(tmp_path):
    path = parquet(tmp_path, t=np.array(["2025-12-28", "NaT"], "M8[us]"))
    assert "log.parquet:2: column 't' is empty." in refused(path, instants=["t"])
