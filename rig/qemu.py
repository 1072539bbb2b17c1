# SPDX-License-Identifier: MIT
"""One QEMU process: started with a time limit, watched, always ended.

The serial line is a log and, for a person, a console.  The rig's own commands
go over a virtio port, where kernel messages cannot cut into an answer.
"""

import base64
import gzip
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time


class RigError(Exception):
    """A step failed; says which step, why, and where the log is."""


def accelerator():
    """Nested SVM where the host really has it, else TCG.

    The flags come first: a host may offer /dev/kvm and still not nest, and
    merely opening it there does harm.
    """
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        flags = next((line.split() for line in f
                      if line.startswith("flags")), [])
    if "svm" in flags and os.access("/dev/kvm", os.R_OK | os.W_OK):
        nested = "/sys/module/kvm_amd/parameters/nested"
        if os.path.exists(nested):
            with open(nested, encoding="ascii") as f:
                if f.read().strip() in ("1", "Y"):
                    return "kvm"
    return "tcg"


def end_cleanly():
    """Have a request to end raise SystemExit, so that what is held is let go.

    Only the first does: timeout(1) sends two, and the second would come amid
    the cleaning up.
    """
    endings = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

    def end(number, _):
        for ending in endings:
            signal.signal(ending, signal.SIG_IGN)
        sys.exit(128 + number)

    for ending in endings:
        signal.signal(ending, end)


# QEMU under timeout(1), whose parent we are.  The kernel tells each of the two
# when its parent dies; one that was too late to be told does not go on.
LAUNCH = """[ "$PPID" = "$1" ] || exit 1
limit=$2
shift 2
exec timeout -k 10 "$limit" setpriv --pdeathsig KILL sh -c '
        [ "$PPID" = "$0" ] && exec "$@"' $$ "$@"
"""


class Watch(threading.Thread):
    """Notices when the host itself stands still, and its guests with it."""

    STEP = 0.25

    def __init__(self):
        super().__init__(daemon=True)
        self.longest = 0.0
        self._over = threading.Event()
        self.start()

    def run(self):
        last = time.monotonic()
        while not self._over.wait(self.STEP):
            now = time.monotonic()
            self.longest = max(self.longest, now - last - self.STEP)
            last = now

    def end(self):
        """Stop looking."""
        self._over.set()


class Qemu:
    """A virtual machine whose serial output is watched line by line."""

    def __init__(self, argv, log_dir, limit):
        self.log_dir = log_dir
        self.serial_log = os.path.join(log_dir, "serial.log")
        self.deadline = time.monotonic() + limit
        self._buffer = b""
        self._new = threading.Condition()
        self._token = 0
        self._port_in = b""
        self.watch = Watch()
        sockets = {name: os.path.join(log_dir, f"{name}.sock")
                   for name in ("serial", "qmp", "rig")}
        argv = argv + [
            "-display", "none", "-nodefaults", "-no-reboot", "-monitor",
            "none",
            "-chardev", "socket,id=serial,path=serial.sock,server=on,wait=on",
            "-serial", "chardev:serial",
            "-chardev", "socket,id=rig,path=rig.sock,server=on,wait=on",
            "-chardev", "file,id=glog,path=guest.log",
            "-device", "virtio-serial-pci",
            "-device", "virtserialport,chardev=rig,name=rig",
            "-device", "virtserialport,chardev=glog,name=guestlog",
            "-qmp", "unix:qmp.sock,server=on,wait=off",
        ]
        with open(os.path.join(log_dir, "qemu.cmd"), "w",
                  encoding="utf-8") as f:
            f.write(" ".join(argv) + "\n")
        with open(os.path.join(log_dir, "qemu.log"), "wb") as log:
            self.proc = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "sh", "-c", LAUNCH,
                 "launch", str(os.getpid()), str(int(limit) + 30)] + argv,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=log_dir)
        try:
            self._serial = self._connect(sockets["serial"])
            self._rig = self._connect(sockets["rig"])
        except BaseException:
            self.kill()
            raise
        self.serial_tap = None
        self._reader = threading.Thread(target=self._read_serial, daemon=True)
        self._reader.start()

    def _connect(self, path):
        sock = socket.socket(socket.AF_UNIX)
        for _ in range(300):
            if self.proc.poll() is not None:
                raise RigError(f"start QEMU: it exited at once, see "
                               f"{self.log_dir}/qemu.log")
            try:
                # A relative path fits in the 108 bytes of a socket name.
                sock.connect(os.path.relpath(path))
                return sock
            except OSError:
                time.sleep(0.1)
        raise RigError(f"start QEMU: no {os.path.basename(path)}, see "
                       f"{self.log_dir}/qemu.log")

    def _read_serial(self):
        with open(self.serial_log, "wb", buffering=0) as log:
            while True:
                try:
                    data = self._serial.recv(65536)
                except OSError:
                    data = b""
                with self._new:
                    self._buffer += data
                    self._new.notify_all()
                if not data:
                    return
                log.write(data)
                if self.serial_tap:
                    self.serial_tap(data)

    def alive(self):
        """True while the machine runs."""
        return self.proc.poll() is None

    def _limit(self, timeout):
        return min(time.monotonic() + timeout, self.deadline)

    def wait_serial(self, step, pattern, timeout, start=0):
        """Wait for a regular expression on the serial line; the match."""
        regex = re.compile(pattern)
        end = self._limit(timeout)
        with self._new:
            while True:
                match = regex.search(self._buffer, start)
                if match:
                    return match
                left = end - time.monotonic()
                if left <= 0:
                    raise RigError(f"{step}: not seen within {timeout:.0f} s; "
                                   f"see {self.serial_log}")
                if not self._reader.is_alive() or not self.alive():
                    raise RigError(f"{step}: the machine ended; see "
                                   f"{self.serial_log}")
                self._new.wait(min(left, 1))

    def serial_mark(self):
        """The current end of the serial output, for wait_serial(start=)."""
        return len(self._buffer)

    def serial_has(self, pattern, start=0):
        """Whether the serial output since a mark matches."""
        return re.search(pattern, self._buffer[start:]) is not None

    def type(self, data):
        """Type on the serial console, gently: Xen keeps 128 bytes."""
        for i in range(0, len(data), 16):
            self._serial.sendall(data[i:i + 16])
            time.sleep(0.05)

    def type_raw(self, data):
        """Pass what a person types."""
        self._serial.sendall(data)

    def _port_line(self, end):
        while b"\n" not in self._port_in:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if not self.alive():
                raise ConnectionError
            if select.select([self._rig], [], [], min(left, 1))[0]:
                data = self._rig.recv(1 << 16)
                if not data:
                    raise ConnectionError
                self._port_in += data
        line, _, self._port_in = self._port_in.partition(b"\n")
        return line

    def run(self, script, timeout, step=None):
        """Run a shell script in dom0; returns (exit status, output)."""
        step = step or script.strip().splitlines()[0][:60]
        self._token += 1
        token = f"t{self._token}"
        end = self._limit(timeout)
        try:
            self._rig.sendall(token.encode() + b" "
                              + base64.b64encode(script.encode()) + b"\n")
            while self._port_line(end) != f"@@{token} BEGIN".encode():
                pass
            data = b""
            while True:
                line = self._port_line(end)
                if line.startswith(f"@@{token} END".encode()):
                    break
                data += line
        except TimeoutError:
            raise RigError(f"{step}: no answer from dom0 in {timeout:.0f} s; "
                           f"see {self.serial_log}") from None
        except ConnectionError:
            raise RigError(f"{step}: the machine ended; see "
                           f"{self.serial_log}") from None
        text = gzip.decompress(base64.b64decode(data)).decode(
            errors="replace")
        with open(os.path.join(self.log_dir, "commands.log"), "a",
                  encoding="utf-8") as f:
            f.write(f"$ {script.strip()}\n{text}"
                    f"[{line.split()[-1].decode()}]\n")
        return int(line.split()[-1]), text

    def qmp(self, command, **arguments):
        """One QMP command on a connection of its own; its answer."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(os.path.relpath(
                os.path.join(self.log_dir, "qmp.sock")))
            stream = sock.makefile("rw", encoding="utf-8")
            stream.readline()
            for request in ({"execute": "qmp_capabilities"},
                            {"execute": command, "arguments": arguments}):
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                answer = {}
                while "return" not in answer and "error" not in answer:
                    answer = json.loads(stream.readline())
        return answer

    def wait_exit(self, timeout):
        """Wait for the machine to switch itself off; False if it did not."""
        try:
            self.proc.wait(timeout)
            return True
        except subprocess.TimeoutExpired:
            return False

    def kill(self):
        """End the process, politely first; never leaves it behind."""
        self.watch.end()
        if self.proc.poll() is None:
            try:
                self.qmp("quit")
                self.proc.wait(10)
            except (OSError, ValueError, subprocess.TimeoutExpired):
                self.proc.send_signal(signal.SIGTERM)
                try:
                    self.proc.wait(15)
                except subprocess.TimeoutExpired:
                    # timeout(1) leads a process group with QEMU in it.
                    os.killpg(self.proc.pid, signal.SIGKILL)
                    self.proc.wait()
        if hasattr(self, "_reader"):
            self._reader.join(5)
        for name in ("serial", "qmp", "rig"):
            try:
                os.unlink(os.path.join(self.log_dir, f"{name}.sock"))
            except FileNotFoundError:
                pass
