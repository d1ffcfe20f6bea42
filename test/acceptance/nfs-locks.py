#!/usr/bin/env python3
"""Locks between client machines: counters and a database that are right only if locks work.

    nfs-locks.py work DIRECTORY COUNT             on each machine at once; DIRECTORY is on the mount, with locks (no `nolock`)
    nfs-locks.py check DIRECTORY MACHINES COUNT   afterwards, on any of them
    nfs-locks.py follow FILE                      does what lines of its input say: `exclusive|shared|free|who START LENGTH [wait]`

Needs nothing but Python 3. The exit status is 0 when all is as it should be.
"""
import fcntl
import multiprocessing
import os
import socket
import sqlite3
import struct
import sys
from pathlib import Path

PROCESSES = 2


def counted(path: Path, count: int, lock) -> None:
    """Adds 1 to the number in a file, again and again."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    for _ in range(count):
        lock(file, fcntl.LOCK_EX)
        number = int(os.pread(file, 20, 0) or b"0")
        os.pwrite(file, b"%d" % (number + 1), 0)
        lock(file, fcntl.LOCK_UN)


def with_range(file: int, how: int) -> None:
    """A range far behind the number: locks need not be where the data is."""
    fcntl.lockf(file, how, 100, 1 << 40)


def inserted(path: Path, count: int) -> None:
    """Rows in transactions of two, with a rollback journal: SQLite locks byte ranges."""
    database = sqlite3.connect(path, timeout=120, isolation_level=None)
    database.execute("pragma journal_mode = delete")
    database.execute("create table if not exists row (who text, number integer)")
    who = f"{socket.gethostname()} {os.getpid()}"
    for number in range(count):
        database.execute("begin immediate")
        database.executemany("insert into row values (?, ?)", [(who, number), (who, -number)])
        database.execute("commit")


def work(directory: Path, count: int) -> int:
    tasks = [
        (counted, directory / "by-range", count, with_range),
        (counted, directory / "by-flock", count, fcntl.flock),
        (inserted, directory / "rows.sqlite", max(1, count // 10)),
    ]
    processes = [
        multiprocessing.Process(target=task[0], args=task[1:]) for task in tasks for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return max(abs(process.exitcode) for process in processes)


def check(directory: Path, machines: int, count: int) -> int:
    workers = machines * PROCESSES
    database = sqlite3.connect(directory / "rows.sqlite", timeout=120)
    found = {
        "by-range": int((directory / "by-range").read_bytes()),
        "by-flock": int((directory / "by-flock").read_bytes()),
        "rows": database.execute("select count(*) from row").fetchone()[0],
        "integrity": database.execute("pragma integrity_check").fetchone()[0],
    }
    wanted = {
        "by-range": workers * count,
        "by-flock": workers * count,
        "rows": 2 * workers * max(1, count // 10),
        "integrity": "ok",
    }
    for name, value in wanted.items():
        print(f"{name}: {found[name]}, {value} wanted")
    return 0 if found == wanted else 1


LOCK_RECORD = "hhqqi4x"  # struct flock on 64 bits


def follow(path: Path) -> int:
    """Answers each line with `done`, `denied`, or, for `who`, with `free` or kind, start and length of the lock in the way."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    kinds = {"exclusive": fcntl.F_WRLCK, "shared": fcntl.F_RDLCK, "free": fcntl.F_UNLCK, "who": fcntl.F_WRLCK}
    for line in sys.stdin:
        what, start, length, *wait = line.split()
        command = fcntl.F_GETLK if what == "who" else fcntl.F_SETLKW if wait else fcntl.F_SETLK
        record = struct.pack(LOCK_RECORD, kinds[what], os.SEEK_SET, int(start), int(length), 0)
        try:
            kind, _, start, length, _ = struct.unpack(LOCK_RECORD, fcntl.fcntl(file, command, record))
        except (PermissionError, BlockingIOError):
            print("denied", flush=True)
            continue
        names = {fcntl.F_UNLCK: "free", fcntl.F_RDLCK: f"shared {start} {length}", fcntl.F_WRLCK: f"exclusive {start} {length}"}
        print(names[kind] if what == "who" else "done", flush=True)
    return 0


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "follow":
        sys.exit(follow(Path(sys.argv[2])))
    if len(sys.argv) == 4 and sys.argv[1] == "work":
        sys.exit(work(Path(sys.argv[2]), int(sys.argv[3])))
    if len(sys.argv) == 5 and sys.argv[1] == "check":
        sys.exit(check(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
    sys.exit(__doc__)
