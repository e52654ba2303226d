"""The program as a service: what it tells systemd over the notify socket."""

import os
import signal
import socket

from harness import Exporter, at_end, run, temp_dir


class Manager:
    """A service manager's notify socket; `name` as in $NOTIFY_SOCKET."""

    def __init__(self, name):
        self.name, self.socket = name, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name[0] == "@" else name)
        self.socket.settimeout(30)
        at_end(self.socket.close)

    def told(self):
        """The next message, as a dictionary."""
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def told_of(self, what):
        """The next message that has this key; those of the watchdog may come in between."""
        while what not in (message := self.told()):
            assert set(message) == {"WATCHDOG"}, message
        return message


def service(manager, **env):
    return Exporter(None, env={"NOTIFY_SOCKET": manager.name, **env}, ready=False)


def test_a_service_says_that_it_serves_and_that_it_stops():
    for name in os.path.join(temp_dir(), "notify"), f"@redis-exporter-notify-{os.getpid()}":
        manager = Manager(name)
        exporter = service(manager)
        assert manager.told()["READY"] == "1"
        assert exporter.get("/-/healthy").status == 200  # no waiting: it is true when it is told
        exporter.signal(signal.SIGTERM)
        assert manager.told()["STOPPING"] == "1"
        assert exporter.wait() == 0


def test_a_service_feeds_the_watchdog_while_its_loop_turns():
    manager = Manager(os.path.join(temp_dir(), "notify"))
    exporter = service(manager, WATCHDOG_USEC="200000")
    manager.told_of("READY")
    for _ in range(3):
        assert manager.told() == {"WATCHDOG": "1"}
    exporter.stop()
    assert manager.told_of("STOPPING")["STATUS"] == "stopping"


def test_a_watchdog_of_another_process_is_not_fed():
    manager = Manager(os.path.join(temp_dir(), "notify"))
    exporter = service(manager, WATCHDOG_USEC="1000", WATCHDOG_PID="1")
    manager.told_of("READY")
    exporter.stop()
    assert "STOPPING" in manager.told()


def kernel_s_word(pid):
    """When the process was started, by what /proc tells; in whole seconds and hundredths."""
    with open("/proc/stat", encoding="ascii") as f:
        boot = next(int(line.split()[1]) for line in f if line.startswith("btime "))
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        ticks = int(f.read().rsplit(")", 1)[1].split()[19])
    return boot + ticks / os.sysconf("SC_CLK_TCK")


def test_it_tells_of_itself_also_where_it_sees_processes_only():
    """As the unit has it: ProcSubset=pid."""
    mount = ["unshare", "--mount", "sh", "-c",
             'mount -t proc -o subset=pid proc /proc && exec "$@"', "sh"]
    possible = run(*mount, "true", check=False).returncode == 0
    told = {}
    for wrapper in [(), mount][:1 + possible]:
        exporter = Exporter(None, wrapper=wrapper)
        page = exporter.scrape()
        started = page.get("process_start_time_seconds")
        assert abs(started - kernel_s_word(exporter.pid)) <= 1, started
        assert exporter.scrape().get("process_start_time_seconds") == started
        told[wrapper == mount] = {name for name in page.text.split() if name.startswith("process_")}
    assert told.get(True, told[False]) == told[False], told
