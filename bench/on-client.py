"""What the bench does in a mount of a real NFS client: python3 on-client.py CASE SECONDS ARCHIVE

Prints `ready`, and at the end one line of JSON: operations, seconds, bytes, and the latencies of single operations where there are such.
"""
import json
import mmap
import os
import random
import subprocess
import sys
import time

FILES = 400
FILE_BYTES = 32 << 20
latencies = []


def ready():
    """What comes before is not counted."""
    print('ready', flush=True)


def timed(operation, *arguments):
    began = time.perf_counter()
    operation(*arguments)
    latencies.append(time.perf_counter() - began)


def metadata(seconds, archive):
    """Makes, looks at, moves and removes files."""
    names = [f'f{number:05}' for number in range(FILES)]
    ready()
    for name in names:
        timed(lambda: os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY)))
    for name in names:
        timed(os.chmod, name, 0o600)
    for name in names:
        timed(os.rename, name, name + 'r')
    for name in names:
        timed(os.unlink, name + 'r')
    return 4 * FILES, 0, sum(latencies)


def direct(seconds, length, is_write, offset_of):
    """Reads or writes past the client's cache, one at a time."""
    buffer = mmap.mmap(-1, length)
    buffer.write(random.randbytes(length))
    with open('file', 'wb') as file:
        for _ in range(FILE_BYTES >> 20):
            file.write(random.randbytes(1 << 20))
        os.fsync(file.fileno())
    file = os.open('file', os.O_RDWR | os.O_DIRECT)
    ready()
    began = time.perf_counter()
    count = 0
    while time.perf_counter() - began < seconds:
        offset = offset_of(count) * length
        timed(os.pwritev if is_write else os.preadv, file, [buffer], offset)
        count += 1
    os.close(file)
    return count, count * length, sum(latencies)


def at_random(length):
    return lambda _: random.randrange(FILE_BYTES // length)


def in_order(length):
    return lambda count: count % (FILE_BYTES // length)


def write_4k(seconds, archive):
    return direct(seconds, 4096, True, at_random(4096))


def read_4k(seconds, archive):
    return direct(seconds, 4096, False, at_random(4096))


def write_1m(seconds, archive):
    return direct(seconds, 1 << 20, True, in_order(1 << 20))


def read_1m(seconds, archive):
    return direct(seconds, 1 << 20, False, in_order(1 << 20))


def untar(seconds, archive):
    """An operation is a member."""
    members = subprocess.run(['tar', 'tf', archive], check=True, capture_output=True, text=True).stdout.splitlines()
    ready()
    began = time.perf_counter()
    subprocess.run(['tar', 'xf', archive], check=True)
    os.sync()
    return len(members), os.path.getsize(archive), time.perf_counter() - began


def main():
    case, seconds, archive = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    place = f'{case}-{os.getpid()}-{time.time_ns()}'
    os.mkdir(place)
    os.chdir(place)
    count, size, taken = globals()[case](seconds, archive)
    latencies.sort()
    percentiles = {name: latencies[int(len(latencies) * share)] * 1e6 if latencies else taken / count * 1e6
                   for name, share in (('p50', 0.5), ('p99', 0.99))}
    print(json.dumps({'ops': count, 'seconds': taken, 'bytes': size, 'latency_us': percentiles}))


main()
