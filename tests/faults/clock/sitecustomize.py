"""A clock that is set back by a day while programs run: on the PYTHONPATH, it acts once the file that SET_BACK names is
there.

Only Python's clock: files keep the dates that the system gives them.
"""

import os
import time

DAY = 86400
_seconds, _nanoseconds, _mark = time.time, time.time_ns, os.environ["SET_BACK"]


def _behind() -> int:
    return DAY if os.path.exists(_mark) else 0


time.time = lambda: _seconds() - _behind()
time.time_ns = lambda: _nanoseconds() - _behind() * 10**9
