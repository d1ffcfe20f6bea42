"""Linux machines with a network of their own: each is a User-Mode Linux, a kernel that runs as a process.

    with Network(tree, directory, ['client0', 'client1']) as machines:
        machines[0].run('mount -t nfs server:/bucket /mnt')

This process is moved to a network namespace with a bridge, where it is 10.0.2.2, named `server`, on port numbers of its own; what
it starts from then on is there too. A machine sees the root file system of this one under a writable layer that is gone when its
power is cut; only /var/lib/nfs, where status monitors keep what they must know after a boot, stays. Commands reach a machine
over TCP. Called as a program this file is the first process of a machine.
"""
import ctypes
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

SERVER, AGENT_PORT, CLONE_NEWNET, FINIT_MODULE = '10.0.2.2', 700, 0x40000000, 313
BOOT_SECONDS = 120
libc = ctypes.CDLL(None, use_errno=True)


class Running:
    """A command on a machine. Closing it kills the command."""

    def __init__(self, machine, command):
        self.machine, self.command = machine, command
        self.output, self.status = [], None
        self.socket = socket.create_connection((machine.address, AGENT_PORT), timeout=10)
        self.socket.settimeout(None)
        self.socket.sendall(json.dumps(command).encode() + b'\n')
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with suppress(OSError):
            for line in self.socket.makefile(encoding='utf-8', errors='replace'):
                self.lines.put(line.rstrip('\n'))
        self.lines.put(None)

    def _next(self, deadline):
        """The next line, or None when there are no more."""
        try:
            line = self.lines.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            raise AssertionError(f'{self}: nothing more within the time, after {self.output}') from None
        if line is not None and line.startswith('>'):
            self.output.append(line[1:])
            return line[1:]
        self.status = int(line[1:]) if line else None
        return None

    def say(self, text):
        self.socket.sendall(text.encode() + b'\n')

    def expect(self, text, seconds=60):
        """Waits for a line that is `text`."""
        deadline = time.monotonic() + seconds
        while (line := self._next(deadline)) != text:
            assert line is not None, f'{self}: ended with {self.status} before it said {text!r}: {self.output}'

    def is_silent(self, seconds):
        """Whether it says nothing and does not end for so long."""
        time.sleep(seconds)
        return self.lines.empty()

    def wait(self, seconds=120):
        """Its exit status."""
        deadline = time.monotonic() + seconds
        while self._next(deadline) is not None:
            pass
        return self.status

    def close(self):
        with suppress(OSError):  # it may have ended
            self.socket.shutdown(socket.SHUT_RDWR)

    def __str__(self):
        return f'{self.machine.name}: {self.command}'


class Machine:
    def __init__(self, network, number, name):
        self.network, self.number, self.name = network, number, name
        self.address = f'10.0.2.{15 + number}'
        self.directory = network.directory / name
        (self.directory / 'nfs').mkdir(parents=True)
        self.process = None

    def boot(self):
        tree = self.network.tree
        console = open(self.directory / 'console', 'ab')
        names = {name: f'10.0.2.{15 + number}' for number, name in enumerate(self.network.names)}
        job = {'name': self.name, 'address': self.address, 'names': {'server': SERVER, **names},
               'modules': modules_in_load_order(tree), 'path': os.environ['PATH']}
        (self.directory / 'job').write_text(json.dumps(job))
        init = self.directory / 'init'
        init.write_text(f'#!/bin/sh\nexec {sys.executable} -B {Path(__file__).resolve()} {self.directory}\n')
        init.chmod(0o755)
        libraries = {} if tree == Path('/') else {'LD_LIBRARY_PATH': 'lib'}
        self.process = subprocess.Popen(
            ['usr/bin/linux.uml', 'mem=512M', 'root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'ro',
             f'init={init}', f'uml_dir={self.directory}', 'umid=guest', 'quiet', 'loglevel=5', 'con=null', 'con0=null,fd:1',
             f'vec0:transport=tap,ifname=tap{self.number},depth=128,gro=1,mac=52:54:00:00:00:{16 + self.number:02x}'],
            cwd=tree, env={'TMPDIR': '/dev/shm', **libraries},
            stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True)
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            try:
                self.run('true')
                return
            except OSError:
                ended = (self.directory / 'console').read_text(errors='replace')[-2000:]
                assert self.process.poll() is None and time.monotonic() < deadline, f'{self.name} does not boot: {ended}'
                time.sleep(0.2)

    def cut(self):
        """Takes its power away."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def start(self, command):
        return Running(self, command)

    def run(self, command, seconds=120):
        """What the command prints; it must end well."""
        running = self.start(command)
        status = running.wait(seconds)
        text = '\n'.join(running.output)
        assert status == 0, f'{running}: ended with {status}: {text}'
        return text


def modules_in_load_order(tree):
    files = {path.stem.replace('-', '_'): path for path in tree.glob('usr/lib/uml/modules/**/*.ko')}
    order = []

    def add(name):
        path = files.get(name)
        if path is None or str(path) in order:  # None: built in
            return
        for needed in filter(None, re.search(rb'\0depends=([^\0]*)', path.read_bytes())[1].decode().split(',')):
            add(needed.replace('-', '_'))
        order.append(str(path))

    for name in ('overlay', 'nfsv3'):
        add(name)
    return order


class Network:
    def __init__(self, tree, directory, names):
        """`tree`: where Debian's package user-mode-linux is unpacked, or `/`. `directory`: an empty one for what machines keep."""
        self.tree, self.directory, self.names = tree, directory, names
        assert (tree / 'usr/bin/linux.uml').exists(), f'no usr/bin/linux.uml in {tree}: Debian has it in user-mode-linux'
        if libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), 'no network namespace (are you root?)')
        commands = ['link set lo up', 'link add br0 type bridge', f'addr add {SERVER}/24 dev br0']
        for number in range(len(names)):
            commands += [f'tuntap add dev tap{number} mode tap vnet_hdr', f'link set tap{number} master br0 up']
        for command in [*commands, 'link set br0 up']:
            subprocess.run(['ip', *command.split()], check=True)
        self.machines = [Machine(self, number, name) for number, name in enumerate(names)]

    def __enter__(self):
        for machine in self.machines:
            machine.boot()
        return self.machines

    def __exit__(self, *_):
        for machine in self.machines:
            machine.cut()


# From here on: inside a machine.

def sh(command):
    subprocess.run(['sh', '-euc', command], check=True)


def set_up(directory):
    job = json.loads((directory / 'job').read_text())
    os.environ.update(PATH=job['path'], HOME='/root', LANG='C.UTF-8')
    for module in job['modules']:
        with open(module, 'rb') as file:
            assert libc.syscall(FINIT_MODULE, file.fileno(), b'', 0) == 0, module
    sh(f'''
        mount -t proc proc /proc
        mount -t tmpfs -o mode=755,size=90% tmpfs /mnt
        mkdir /mnt/upper /mnt/work /mnt/root
        mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
        cd /mnt/root
        umount /proc
        pivot_root . mnt
        mount -t proc proc /proc
        mount -t sysfs sysfs /sys
        mount -t devtmpfs devtmpfs /dev
        mkdir -p /dev/pts /dev/shm
        mount -t devpts devpts /dev/pts
        mount -t tmpfs tmpfs /dev/shm
        mount -t tmpfs -o mode=755 tmpfs /run
        mkdir -p /var/lib/nfs /run/rpcbind /run/sendsigs.omit.d
        mount -t hostfs -o {directory}/nfs none /var/lib/nfs
        umount -l /mnt
        mkdir -p /mnt
        hostname {job['name']}
        ip link set lo up
        ip link set vec0 up
        ip addr add {job['address']}/24 dev vec0
    ''')
    Path('/etc/hosts').write_text('127.0.0.1 localhost\n' + ''.join(f'{ip} {name}\n' for name, ip in job['names'].items()))
    # As Debian starts them: the state number first, then whoever must hear of the boot.
    sh('''
        mkdir -p /var/lib/nfs/sm /var/lib/nfs/sm.bak
        [ -f /var/lib/nfs/state ] || printf '\\001\\000\\000\\000' > /var/lib/nfs/state
        rpcbind -i
        rpc.statd --no-notify -P /var/lib/nfs
        sm-notify -P /var/lib/nfs -f > /dev/null 2>&1 &
    ''')


def serve(connection):
    stream = connection.makefile('rwb')
    command = json.loads(stream.readline())
    child = subprocess.Popen(['sh', '-uc', command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             start_new_session=True)

    def pass_on():
        for line in stream:
            try:
                child.stdin.write(line)
                child.stdin.flush()
            except OSError:
                return
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    threading.Thread(target=pass_on, daemon=True).start()
    try:
        for line in child.stdout:
            connection.sendall(b'>' + line)
        connection.sendall(b'=%d\n' % child.wait())
    except OSError:
        child.wait()
    connection.close()


def live(directory):
    set_up(directory)
    listener = socket.create_server(('', AGENT_PORT))
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == '__main__':
    live(Path(sys.argv[1]))
