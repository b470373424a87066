"""CSV files: what was written is read, and a file that was cut off is refused."""

import pandas as pd
import pytest

from oleander.io.errors import OleanderError
from oleander.io.tables import read_csv, write_csv

TABLE = pd.DataFrame({"name": ["a", 'b, "c"\nd', "e"], "error": [0.1, float("nan"), 0.125]})


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "table.csv"
    write_csv(path, TABLE)
    return path


def test_a_table_comes_back(written):
    pd.testing.assert_frame_equal(read_csv(written, ("name", "error")), TABLE, check_exact=True)


def test_a_file_cut_off_anywhere_but_after_a_row_is_refused(written):
    content = written.read_bytes()
    header = b"name,error\n"
    rows = {len(header): 0, len(header + b"a,0.1\n"): 1, content.rindex(b"e,"): 2}
    for length in range(len(content)):
        written.write_bytes(content[:length])
        if length in rows:
            assert len(read_csv(written)) == rows[length]
            continue
        with pytest.raises(OleanderError, match=r"table\.csv .*; delete it and run again") as caught:
            read_csv(written)
        assert "\n" not in str(caught.value)


def test_the_sentence_says_that_a_row_may_be_cut_off(written):
    written.write_bytes(written.read_bytes()[:-2])
    with pytest.raises(OleanderError, match="so that its last row may be cut off"):
        read_csv(written)


def test_a_missing_column_is_named(written):
    with pytest.raises(OleanderError, match="lacks the columns alpha"):
        read_csv(written, ("name", "alpha"))
