#!/usr/bin/env python3
"""Locks of real NFS clients against a gateway of this script's own: two Linux machines with lock manager and status monitor,
mounted without any option through the built-in port mapper, while the gateway is killed and machines lose their power.

    test/acceptance/nfs-machines.py [--linux DIRECTORY] [--only "NAME…"]

DIRECTORY is where Debian's package user-mode-linux is unpacked (`/`: installed). Needs root, for a network namespace and tap
devices, and what Debian has in nfs-common, rpcbind, curl and iproute2. NAME is one of the parts, each a function `try_…`.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machines import SERVER, Network

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name('nfs-locks.py')
GRACE_SECONDS = 20
COUNT = 60
# Enough for a quick machine to be at it still when the gateway is killed for the second time.
COUNT_KILLED = 8 * COUNT
PROMPT_SECONDS = 10  # clients that hear nothing ask again after 30


class Gateway:
    def __init__(self, directory):
        self.directory = directory
        self.environment = os.environ | {
            'TERRACE_ROOT_ACCESS_KEY': 'acceptance', 'TERRACE_ROOT_SECRET_KEY': 'acceptance-secret',
            'TERRACE_ADMIN': '127.0.0.1:9001', 'no_proxy': '*'}
        config = directory / 'config.yaml'
        config.write_text('nfs: { exports: [{ clients: [10.0.2.0/24], squash: none }] }\n')
        self.command = ['node', str(ROOT / 'dist/src/main.js')]
        self.flags = ['--config', str(config), '--data', str(directory / 'data'), '--s3', '127.0.0.1:9000',
                      '--admin', '127.0.0.1:9001', '--nfs', f'{SERVER}:2049', '--nfs-portmap', f'{SERVER}:111',
                      '--nfs-server-name', 'server', '--nfs-grace-period-seconds', str(GRACE_SECONDS)]

    def start(self):
        with open(self.directory / 'log', 'ab') as log:
            self.process = subprocess.Popen([*self.command, 'serve', *self.flags], stdout=subprocess.PIPE, stderr=log,
                                            env=self.environment, text=True)
        for line in self.process.stdout:
            if line.startswith('ready'):
                return
        raise AssertionError(f'the gateway did not start: {(self.directory / "log").read_text()}')

    def make_bucket(self):
        subprocess.run(['curl', '-sSf', '-X', 'PUT', '-H', 'x-amz-content-sha256: UNSIGNED-PAYLOAD', '--user', 'acceptance:acceptance-secret', '--aws-sigv4', 'aws:amz:us-east-1:s3',
                        'http://127.0.0.1:9000/bucket'], check=True, env=self.environment)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0, f'exit status {self.process.returncode} on SIGTERM'

    def terrace(self, *words):
        return subprocess.run([*self.command, *words], check=True, capture_output=True, text=True, env=self.environment).stdout

    def locks(self):
        return json.loads(self.terrace('locks', 'list', '--json'))

    def until_waiting(self, count):
        """Until so many requests wait."""
        deadline = time.monotonic() + 60
        while sum(line['state'] == 'waiting' for line in self.locks()['locks']) != count:
            assert time.monotonic() < deadline, f'{count} waiting wanted: {self.locks()}'

    def until_none_held(self):
        deadline = time.monotonic() + 60
        while lines := self.locks()['locks']:
            assert time.monotonic() < deadline, lines


def hold(machine, name):
    """Holds a lock of a file until it is told a line."""
    holder = machine.start(f'cd /mnt && flock -x {name} sh -c "echo held; read line; echo over"')
    holder.expect('held')
    return holder


def let_go(holder):
    holder.say('')
    holder.expect('over')
    assert holder.wait() == 0
    return time.monotonic()


def is_locked(machine, name):
    """Whether another one has it. Waits while the gateway is in its grace period, as clients do."""
    return machine.start(f'cd /mnt && flock -n -E 9 {name} true').wait() == 9


def mount(machine):
    machine.run('mount -t nfs server:/bucket /mnt')


def try_plain(gateway, a, b):
    for machine in (a, b):
        options = machine.run("grep ' /mnt ' /proc/mounts").split()[3].split(',')
        assert {'vers=3', 'proto=tcp', f'mountaddr={SERVER}', 'local_lock=none'} <= set(options), options
        assert 'nolock' not in options, options
    found = a.run('rpcinfo -p server')
    for name in ('portmapper', 'nfs', 'mountd', 'nlockmgr', 'status'):
        assert name in found, found
    return 'vers=3, proto=tcp and locks by the server, without options'


def try_counting(gateway, a, b):
    return counted(a, b, ('calm', COUNT), lambda workers: None)


def try_kills(gateway, a, b):
    """The same while the gateway is killed twice: nobody else gets a lock that a client reclaims."""
    def killed(workers):
        for _ in range(2):
            assert all(worker.is_silent(2) for worker in workers), 'ended before the gateway was killed'
            gateway.kill()
            gateway.start()
            time.sleep(GRACE_SECONDS)
    return counted(a, b, ('killed', COUNT_KILLED), killed)


def counted(a, b, size, meanwhile):
    name, count = size
    a.run(f'mkdir /mnt/{name}')
    workers = [machine.start(f'python3 -B {PROGRAM} work /mnt/{name} {count}') for machine in (a, b)]
    meanwhile(workers)
    for worker in workers:
        assert worker.wait(600) == 0, worker.output
    return a.run(f'python3 -B {PROGRAM} check /mnt/{name} 2 {count}')


def try_blocking(gateway, a, b):
    """Who waits is called back at once, by either kind of lock."""
    slowest = 0.0
    for turn in range(5):
        holder = hold(a, 'turn')
        waiter = b.start('cd /mnt && flock -x turn echo mine')
        gateway.until_waiting(1)
        assert waiter.is_silent(0.5), 'it did not wait'
        released = let_go(holder)
        waiter.expect('mine', PROMPT_SECONDS)
        slowest = max(slowest, time.monotonic() - released)
        assert waiter.wait() == 0
        a, b = b, a
    gateway.until_none_held()
    return f'five turns, the slowest {slowest * 1000:.0f} ms after the other let go'


def try_order(gateway, a, b):
    """A reader that comes after a writer who waits stands behind it."""
    reader = a.start('cd /mnt && flock -s order sh -c "echo held; read line"')
    reader.expect('held')
    writer = b.start('cd /mnt && flock -x order sh -c "echo writes; read line"')
    gateway.until_waiting(1)
    late = a.start(f'python3 -B {PROGRAM} follow /mnt/order')  # another process of the first machine, by fcntl
    late.say('shared 0 0 wait')
    gateway.until_waiting(2)
    reader.say('')
    writer.expect('writes', PROMPT_SECONDS)
    assert late.is_silent(0.5), 'a reader passed a writer'
    writer.say('')
    late.expect('done', PROMPT_SECONDS)
    for one in (reader, writer, late):
        one.close()
    gateway.until_none_held()


def try_cancel(gateway, a, b):
    """A waiter that gives up gets nothing, and nobody waits for it."""
    holder = hold(a, 'cancelled')
    for _ in range(3):
        assert b.start('cd /mnt && timeout 1 flock -x cancelled echo wrong').wait() == 124
    gateway.until_waiting(0)
    waiter = b.start('cd /mnt && flock -x cancelled echo wrong')
    gateway.until_waiting(1)
    waiter.close()  # kills it
    gateway.until_waiting(0)
    let_go(holder)
    assert not is_locked(a, 'cancelled')
    gateway.until_none_held()


def try_ranges(gateway, a, b):
    one, two = (machine.start(f'python3 -B {PROGRAM} follow /mnt/ranges') for machine in (a, b))
    steps = [
        (one, 'shared 0 100', 'done'), (two, 'shared 50 100', 'done'), (two, 'exclusive 50 10', 'denied'),
        (one, 'exclusive 0 50', 'done'), (two, 'shared 49 1', 'denied'), (two, 'who 0 60', 'exclusive 0 50'),
        (one, 'free 10 10', 'done'), (two, 'exclusive 10 10', 'done'), (one, 'who 0 0', 'exclusive 10 10'),
        (one, 'shared 15 1', 'denied'), (two, 'free 0 0', 'done'), (one, 'who 0 0', 'free'),
        (one, 'exclusive 1099511627776 0', 'done'), (two, 'exclusive 9007199254740990 1', 'denied'),
        (two, 'exclusive 1099511627775 1', 'done'), (one, 'free 0 0', 'done'), (two, 'exclusive 0 0', 'done'),
    ]
    for who, line, wanted in steps:
        who.say(line)
        who.expect(wanted, 20)
    for who in (one, two):
        who.close()  # a process that is killed holds nothing
    gateway.until_none_held()
    return f'{len(steps)} steps with fcntl'


def try_restart(gateway, a, b):
    """Locks of before are reclaimed, others wait, and who waited through it all gets its turn."""
    first, second = hold(a, 'first'), hold(b, 'second')
    waiter = b.start('cd /mnt && flock -x first echo mine')
    gateway.until_waiting(1)
    gateway.kill()
    time.sleep(1)
    gateway.start()
    began = time.monotonic()
    newcomer = a.start('cd /mnt && flock -x third echo new')
    assert is_locked(b, 'first') and is_locked(a, 'second'), 'a lock was lost'
    newcomer.expect('new', 3 * GRACE_SECONDS)
    assert time.monotonic() - began > GRACE_SECONDS / 2, 'somebody was let in during the grace period'
    assert waiter.is_silent(0.5), 'the one who waits has a lock that is held'
    for name in ('first', 'second'):
        held = [line for line in gateway.locks()['locks'] if line['state'] == 'held']
        assert len(held) == 2, held
    let_go(first)
    waiter.expect('mine', 40)  # a client that was told to wait by a gateway that is gone asks again by itself
    let_go(second)
    gateway.until_none_held()


def try_power(gateway, a, b):
    """The locks of a machine without power stay until it is there again, or until somebody says that it is gone."""
    hold(b, 'outage')
    waiter = a.start('cd /mnt && flock -x outage echo mine')
    gateway.until_waiting(1)
    b.cut()
    assert is_locked(a, 'outage') and waiter.is_silent(1), 'a lock went with its machine'
    b.boot()
    waiter.expect('mine', 60)
    mount(b)
    hold(b, 'outage')
    b.cut()
    assert is_locked(a, 'outage')
    said = gateway.terrace('locks', 'release', b.address, b.name)
    assert '1 lock was held' in said, said
    assert not is_locked(a, 'outage'), 'still held'
    b.boot()
    mount(b)
    gateway.until_none_held()


def main():
    parts = {name[4:]: part for name, part in globals().items() if name.startswith('try_')}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--linux', type=Path, default=Path('/'))
    parser.add_argument('--only', default=' '.join(parts))
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix='nfs-machines.'))
    directory.chmod(0o755)
    gateway = Gateway(directory)
    try:
        network = Network(options.linux.resolve(), directory, ['client0', 'client1'])
        gateway.start()
        gateway.make_bucket()
        with network as machines:
            for machine in machines:
                mount(machine)
            for name in options.only.split():
                print(f'\n== {name}', flush=True)
                said = parts[name](gateway, *machines)
                print(said or parts[name].__doc__, flush=True)
        gateway.stop()
        print('\nnfs-machines: passed')
    except AssertionError as failure:
        sys.exit(f'nfs-machines: FAILED: {failure}\n{(directory / "log").read_text()[-3000:]}')
    finally:
        if getattr(gateway, 'process', None) and gateway.process.poll() is None:
            gateway.kill()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == '__main__':
    main()
