"""Data sources, prepared datasets, and the tasks built from them."""

from oleander.data.prepare import prepare_dataset
from oleander.data.prepared import Dataset, check_prepared, load_dataset, save_dataset
from oleander.data.raw import RawDataset
from oleander.data.sources import CHECKS, SETTINGS_SCHEMAS, SOURCES
from oleander.data.tasks import Split, Task, make_task, split_task, to_display
from oleander.io.user_files import resolve_data_root

__all__ = [
    "CHECKS",
    "SETTINGS_SCHEMAS",
    "SOURCES",
    "Dataset",
    "RawDataset",
    "Split",
    "Task",
    "check_prepared",
    "load_dataset",
    "make_task",
    "prepare_dataset",
    "resolve_data_root",
    "save_dataset",
    "split_task",
    "to_display",
]
