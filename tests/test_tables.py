"""CSV files: what was written is read, and a file that was cut off or changed is refused."""

import os
import shutil

import pandas as pd
import pytest

from oleander.io.errors import OleanderError
from oleander.io.tables import DIGEST_ATTRIBUTE, read_csv, write_csv

TABLE = pd.DataFrame({"name": ["a", 'b, "c"\nd', "e"], "error": [0.1, float("nan"), 0.125]})


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "table.csv"
    write_csv(path, TABLE)
    return path


@pytest.fixture
def marked(written):
    """A CSV that carries the digest of its bytes."""
    try:
        os.getxattr(written, DIGEST_ATTRIBUTE)
    except (AttributeError, OSError) as error:
        pytest.skip(f"needs extended attributes: the temporary folder's file system keeps none ({error})")
    return written


@pytest.fixture
def bare(written):
    """A CSV without the digest, as where a file system keeps none."""
    return shutil.copyfile(written, written.with_name("bare.csv"))


def test_a_table_comes_back(written, bare):
    for path in (written, bare):
        pd.testing.assert_frame_equal(read_csv(path, ("name", "error")), TABLE, check_exact=True)


def refused(path):
    with pytest.raises(OleanderError, match=rf"{path.name} .*; delete it and run again") as caught:
        read_csv(path)
    assert "\n" not in str(caught.value)


def test_a_file_cut_off_anywhere_is_refused(marked):
    content = marked.read_bytes()
    for length in range(len(content)):
        marked.write_bytes(content[:length])
        refused(marked)


def test_without_its_digest_a_file_cut_off_anywhere_but_after_a_row_is_refused(bare):
    content = bare.read_bytes()
    header = b"name,error\n"
    rows = {len(header): 0, len(header + b"a,0.1\n"): 1, content.rindex(b"e,"): 2}
    for length in range(len(content)):
        bare.write_bytes(content[:length])
        if length in rows:
            assert len(read_csv(bare)) == rows[length]
        else:
            refused(bare)


def test_a_changed_number_is_refused_until_a_copy_takes_its_place(marked):
    marked.write_bytes(marked.read_bytes().replace(b"0.125", b"0.126"))
    refused(marked)
    copy = shutil.copyfile(marked, marked.with_name("copy.csv"))
    copy.replace(marked)
    assert read_csv(marked)["error"].iloc[-1] == 0.126


def test_a_file_written_again_carries_its_own_digest(marked):
    write_csv(marked, TABLE.iloc[:1])
    assert len(read_csv(marked)) == 1


def test_the_sentence_says_that_a_row_may_be_cut_off(written):
    written.write_bytes(written.read_bytes()[:-2])
    with pytest.raises(OleanderError, match="so its last row may be cut off"):
        read_csv(written)


def test_a_missing_column_is_named(written):
    with pytest.raises(OleanderError, match="lacks the columns alpha"):
        read_csv(written, ("name", "alpha"))
