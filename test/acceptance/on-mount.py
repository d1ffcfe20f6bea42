"""What nfs-clients.sh runs in a mount, one function each: python3 on-mount.py FUNCTION ARGUMENT…

Asserts say what does not hold. Python, since a shell has neither offsets nor nanoseconds.
"""
import errno
import hashlib
import os
import random
import sys
import time
from contextlib import contextmanager, suppress

KIB, TIB = 1 << 10, 1 << 40


@contextmanager
def refused(*codes):
    try:
        yield
    except OSError as error:
        assert error.errno in codes, error
    else:
        raise AssertionError(f'not refused, want {[errno.errorcode[code] for code in codes]}')


def put(path, content=b''):
    with open(path, 'wb') as file:
        file.write(content)


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def race(count):
    """Prints the names that this client made, of those that others want too."""
    for index in range(int(count)):
        with suppress(FileExistsError):
            os.close(os.open(f'race/{index}', os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            print(index)


def content_of(turn):
    return random.Random(turn).randbytes(1 + turn * 7919 % 300_000)


def turns(parity, count):
    """Close-to-open: whoever has the turn sees all that the other wrote before closing, and writes for him."""
    turn = 0
    deadline = time.monotonic() + 300
    while turn < int(count):
        turn = int(read('turn'))
        if turn % 2 != int(parity):
            assert time.monotonic() < deadline, f'the other client is stuck, turn {turn}'
            continue
        assert read('data') == content_of(turn), f'turn {turn}: the other client wrote something else'
        if turn % 3 == 0:
            put('data', content_of(turn + 1))
        else:
            with open('data', 'r+b') as file:  # in place, often of the same length
                file.write(content_of(turn + 1))
                file.truncate()
        with open('turn', 'r+b') as file:
            file.write(b'%06d' % (turn + 1))
    print(f'client {parity}: {count} turns')


def append(processes, lines):
    processes, lines = int(processes), int(lines)
    put('appended')
    children = []
    for process in range(processes):
        child = os.fork()
        if child == 0:
            file = os.open('appended', os.O_WRONLY | os.O_APPEND)
            for line in range(lines):
                os.write(file, b'%03d %05d\n' % (process, line))
            os.close(file)
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    seen = read('appended').splitlines()
    want = [b'%03d %05d' % (process, line) for process in range(processes) for line in range(lines)]
    assert sorted(seen) == want, f'{len(seen)} lines of {len(want)}'
    print(f'{processes} processes appended {len(seen)} lines')


def names():
    for name in [b'n' * 255, 'ü'.encode() * 127, b'\xff\xfe\n\t"\'\\*?', b' ', b'-rf', b'...', b'a:b|c<d>']:
        put(name, name)
        assert read(name) == name and name in os.listdir(b'.')
        os.rename(name, b'r' * 255)
        os.rename(b'r' * 255, name)
        os.unlink(name)
    for name in ['n' * 256, 'ü' * 128]:
        for call in [put, os.mkdir, os.stat, lambda name: os.symlink('to', name), os.mkfifo]:
            with refused(errno.ENAMETOOLONG):
                call(name)
    os.symlink('loop', 'loop')
    with refused(errno.ELOOP):
        os.stat('loop')
    deep = '/'.join(['d' * 200] * 18)
    os.makedirs(deep)
    put(deep + '/f', b'deep')
    assert read(deep + '/f') == b'deep'


def sparse():
    far = TIB - 5
    with open('sparse', 'w+b') as file:
        for offset in [far, 3 * TIB + 1, 4 * TIB - 2]:
            assert os.pwrite(file.fileno(), b'123456789', offset) == 9
        os.fsync(file.fileno())
        for offset, want in [(far, b'123456789'), (far - 4, bytes(4) + b'1234'), (0, bytes(9)), (2 * TIB, bytes(9))]:
            assert os.pread(file.fileno(), len(want), offset) == want, offset
        assert os.pread(file.fileno(), 100, 4 * TIB - 2) == b'123456789'
        file.truncate(far + 3)
        file.truncate(2 * TIB)
        assert os.pread(file.fileno(), 20, far) == b'123' + bytes(17)
        assert os.fstat(file.fileno()).st_size == 2 * TIB
        with refused(errno.EFBIG, errno.EINVAL):
            file.truncate(1 << 62)
    put('holes')
    os.truncate('holes', 10 * KIB)
    assert read('holes') == bytes(10 * KIB)


def times():
    put('timed')
    # The client drops the nanoseconds of the first and the last second that nfstime3 has.
    for atime, mtime in [(1_000_000_001, 1_999_999_999), (1_234_567_890_123_456_789, 0), (4_294_967_294_000_000_001, 1 << 61)]:
        os.utime('timed', ns=(atime, mtime))
        found = os.stat('timed')
        assert (found.st_atime_ns, found.st_mtime_ns) == (atime, mtime), found
    before = time.time_ns()
    os.utime('timed')
    assert abs(os.stat('timed').st_mtime_ns - before) < 60e9, 'the time of the server'
    os.symlink('timed', 'link')
    os.utime('link', ns=(5 * 10**9, 6 * 10**9 + 1), follow_symlinks=False)
    assert os.lstat('link').st_mtime_ns == 6_000_000_001 and os.stat('timed').st_mtime_ns != 6
    os.mkdir('directory')
    os.utime('directory', ns=(7 * 10**9, 8 * 10**9 + 2))
    assert os.stat('directory').st_mtime_ns == 8_000_000_002
    seen = set()
    for _ in range(50):
        put('directory/new')
        seen.add(os.stat('directory').st_mtime_ns)
        os.unlink('directory/new')
        seen.add(os.stat('directory').st_mtime_ns)
    assert len(seen) == 100, 'every change of a directory advances its time'


def unlinked():
    with open('open', 'w+b') as file:
        file.write(b'one')
        file.flush()
        os.unlink('open')
        assert not os.path.exists('open')
        file.write(b' two')
        file.seek(0)
        assert file.read() == b'one two'
        with refused(errno.ENOENT):
            os.stat('open')
        put('open', b'another')
        file.seek(0)
        assert file.read() == b'one two'
    assert sorted(name for name in os.listdir() if name.startswith('.nfs')) == []
    put('new', b'new')
    with open('open', 'rb') as file:
        os.rename('new', 'open')
        assert file.read() == b'another' and read('open') == b'new'


def renames():
    for name in ['a', 'b']:
        os.mkdir(name)
        put(f'{name}/f', name.encode())
        os.mkdir(f'{name}/below')
        os.mkdir(f'{name}/below/deep')
    os.rename('a/f', 'b/f')
    assert read('b/f') == b'a' and os.listdir('a') == ['below']
    for source, target, code in [
        ('a', 'a/below/deep', errno.EINVAL), ('a', 'a/below/deep/new', errno.EINVAL), ('a', 'b', errno.ENOTEMPTY),
        ('a', 'b/f', errno.ENOTDIR), ('b/f', 'a', errno.EISDIR), ('none', 'b/f', errno.ENOENT), ('b/f', 'none/f', errno.ENOENT),
        ('b/f', 'b/f/g', errno.ENOTDIR),
    ]:
        with refused(code):
            os.rename(source, target)
    os.rename('a/below', 'b/below/deep')
    assert os.listdir('b/below') == ['deep'] and os.listdir('b/below/deep') == ['deep']
    assert [os.stat(name).st_nlink for name in ['a', 'b', 'b/below']] == [2, 3, 3]
    os.link('b/f', 'linked')
    os.rename('linked', 'b/f')  # two names of one file: nothing happens
    assert os.path.exists('linked') and os.stat('linked').st_nlink == 2


def links():
    put('target')
    os.mkdir('links')
    count = 1
    try:
        while True:
            os.link('target', f'links/{count}')
            count += 1
    except OSError as error:
        assert error.errno == errno.EMLINK, error
    assert os.stat('target').st_nlink == count, os.stat('target')
    os.unlink('links/1')
    os.link('target', 'links/again')
    print(f'{count} links')


def fill(count):
    os.mkdir('large')
    for index in range(int(count)):
        os.close(os.open(f'large/stays{index}', os.O_CREAT | os.O_WRONLY))


def change():
    """Makes, removes and replaces names until the other client makes `over`."""
    turn = 0
    while not os.path.exists('over/over'):
        os.stat('over')
        for index in range(20):
            put(f'large/comes{turn}-{index}')
        for index in range(10):
            os.rename(f'large/comes{turn}-{index}', f'large/stays{turn * 10 + index}')
        for index in range(10, 20):
            os.unlink(f'large/comes{turn}-{index}')
        turn += 1
    print(f'{turn * 50} changes')


def listing(count, times_over):
    count = int(count)
    for _ in range(int(times_over)):
        seen = os.listdir('large')
        assert len(seen) == len(set(seen)), 'a name is listed twice'
        staying = {name for name in seen if name.startswith('stays')}
        assert len(staying) == count, f'{count - len(staying)} names are missing'
    print(f'{times_over} listings of {count} names')
    os.mkdir('over/over')


def pattern(mebibytes):
    """Pseudo-random and repeatable, in pieces of a mebibyte."""
    for index in range(int(mebibytes)):
        yield random.Random(index).randbytes(1 << 20)


def stream(mebibytes):
    with open('stream', 'wb') as file:
        for index, piece in enumerate(pattern(mebibytes)):
            file.write(piece)
            if index % 16 == 15:
                put('progress', b'%d' % index)
        os.fsync(file.fileno())
    print('written')


def checksum(mebibytes):
    digest = hashlib.sha256()
    for piece in pattern(mebibytes):
        digest.update(piece)
    print(digest.hexdigest())


def hold():
    """Keeps a file open while another client moves it and the gateway is killed."""
    with open('held/file', 'w+b') as file:
        file.write(b'before')
        file.flush()
        os.fsync(file.fileno())
        put('held/is-open')
        while not os.path.exists('moved-and-killed'):
            os.listdir('.')
            time.sleep(0.2)
        assert os.pread(file.fileno(), 6, 0) == b'before'
        file.write(b' and after')
    print('held')


def stamp(seconds):
    """Writes whole blocks, each of one letter, again and again."""
    deadline = time.monotonic() + float(seconds)
    file = os.open('stamped', os.O_CREAT | os.O_WRONLY)
    generation = 0
    while time.monotonic() < deadline:
        letter = bytes([97 + generation % 26])
        for block in random.sample(range(64), 8):
            os.pwrite(file, letter * 4 * KIB * random.choice([1, 1, 3]), block * 4 * KIB)
        if generation % 4 == 0:
            os.fsync(file)
        if generation % 50 == 49:
            os.ftruncate(file, random.randrange(64) * 4 * KIB)
        generation += 1
    os.close(file)
    print(f'{generation} generations')


globals()[sys.argv[1]](*sys.argv[2:])
