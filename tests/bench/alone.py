"""Runs a command and prints, as JSON, how long it took and how much memory it had at most.

A program of its own, and a small one: the peak that the system counts for a child begins with its parent's.
"""

import json
import os
import subprocess
import sys
import time

started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
took_s = time.perf_counter() - started
unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, others KiB
print(json.dumps({"seconds": took_s, "peak_bytes": usage.ru_maxrss * unit}))
sys.exit(os.waitstatus_to_exitcode(status))
