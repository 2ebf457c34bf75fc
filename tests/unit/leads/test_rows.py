import gc

import pytest

from leadqual.leads.rows import NestedCell, relaxed_collector


def test_collector_is_restored_by_the_last_reader_only():
    usual = gc.get_threshold()

    first, second = relaxed_collector(), relaxed_collector()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    while_one_reads = gc.get_threshold()
    second.__exit__(None, None, None)

    assert while_one_reads[0] > usual[0]
    assert gc.get_threshold() == usual


def test_collector_is_restored_after_a_failure():
    usual = gc.get_threshold()

    with pytest.raises(RuntimeError), relaxed_collector():
        raise RuntimeError

    assert gc.get_threshold() == usual


def test_nested_cell_shows_its_content_as_json():
    assert str(NestedCell({"a": [1, None]})) == '{"a": [1, null]}'
