"""Measures the machine four times a second: one JSON object per line, appended to a file that reeve streams.

The file is moved away when it is large and begun anew: whoever reads the stream does not notice."""
import json
import os
import sys
import time

PERIOD_SECONDS, LARGE = 0.25, 64 * 1024


def processor():
    """Ticks of all processors: busy and total (proc(5), stat)."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


def memory():
    """Share of the memory that is in use."""
    with open("/proc/meminfo", encoding="ascii") as file:
        sizes = {line.split(":")[0]: int(line.split()[1]) for line in file}
    return 1 - sizes["MemAvailable"] / sizes["MemTotal"]


def opened(path):
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def main():
    path = sys.argv[1]
    file, before = opened(path), processor()
    while True:
        time.sleep(PERIOD_SECONDS)
        now = processor()
        busy, total = (after - earlier for after, earlier in zip(now, before))
        before = now
        line = {"time": round(time.time(), 3), "cpu": round(busy / max(total, 1), 3), "memory": round(memory(), 3)}
        if os.fstat(file).st_size > LARGE:
            os.close(file)
            os.rename(path, path + ".old")
            file = opened(path)
        os.write(file, json.dumps(line).encode() + b"\n")


main()
