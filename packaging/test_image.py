"""Carries out the Dockerfile on root folders, and tests what comes out; see scripts/test-image.sh.

It knows the instructions that the Dockerfile has, and stops at any other.
"""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import time

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOTS = os.path.abspath(sys.argv[1])
BASE = os.path.join(ROOTS, "base")
DEBIAN_ROOT = os.path.join(REPO, "scripts", "debian-root.sh")


def instructions():
    with open(os.path.join(REPO, "Dockerfile"), encoding="utf-8") as f:
        text = re.sub(r"^#.*\n", "", f.read(), flags=re.M)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [line.split(None, 1) for line in lines if line.strip()]


def context():
    """The files of the repository that .dockerignore lets through."""
    with open(os.path.join(REPO, ".dockerignore"), encoding="utf-8") as f:
        rules = [line.strip() for line in f if line.strip() and line[0] != "#"]
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=REPO, text=True,
                           stdout=subprocess.PIPE, check=True).stdout.splitlines()

    def wanted(path):
        verdict = True
        for rule in rules:
            pattern = rule.removeprefix("!")
            parts = path.split("/")
            if any(fnmatch.fnmatch("/".join(parts[:n]), pattern)
                   for n in range(1, len(parts) + 1)):
                verdict = rule[0] == "!"
        return verdict

    return [path for path in files if wanted(path) and os.path.exists(os.path.join(REPO, path))]


class Stage:
    """A layer over the base root."""

    def __init__(self, name):
        self.layer, self.facts, self.args = os.path.join(ROOTS, name), {}, {}
        shutil.rmtree(self.layer, ignore_errors=True)
        self.upper = os.path.join(self.layer, "upper")
        os.makedirs(self.upper)

    def run(self, *command, options=(), **kwargs):
        return subprocess.run([DEBIAN_ROOT, "run", "--layer", self.layer, *options, BASE,
                               *command], text=True, stdin=subprocess.DEVNULL, **kwargs)

    def shell(self, script):
        env = "".join(f"{name}='{value}'; " for name, value in self.args.items())
        self.run("sh", "-ec", env + script, check=True)

    def copy(self, rest, stages):
        words = rest.split()
        source_root, files = REPO, context()
        if words[0].startswith("--from="):
            source_root, files = stages[words.pop(0).removeprefix("--from=")].upper, None
        *sources, target = words
        for source in sources:
            source = source.strip("/")
            if files is None:
                found = [source]
            else:
                found = [f for f in files if source == "." or f == source
                         or f.startswith(source + "/")]
            assert found, f"COPY {rest}: {source} is not there"
            for path in found:
                inside = path if source == "." else os.path.basename(path)
                to = os.path.join(self.upper, target.strip("/"), inside)
                os.makedirs(os.path.dirname(to), exist_ok=True)
                shutil.copy2(os.path.join(source_root, path), to)


def build():
    """The last stage."""
    stages, stage, outer = {}, None, {}
    for word, rest in instructions():
        if word == "ARG":
            name, _, value = rest.partition("=")
            (outer if stage is None else stage.args)[name] = value
        elif word == "FROM":
            image, *name = rest.split(" AS ")
            assert image == "${BASE}" and outer["BASE"] == "debian:13-slim", image
            stage = Stage(f"stage-{len(stages)}")
            stages[name[0] if name else "final"] = stage
        elif word == "RUN":
            stage.shell(rest)
        elif word == "COPY":
            stage.copy(rest, stages)
        elif word == "HEALTHCHECK":
            stage.facts[word] = json.loads(rest.split(" CMD ")[1])
        elif word == "ENTRYPOINT":
            stage.facts[word] = json.loads(rest)
        elif word in ("USER", "LABEL", "EXPOSE", "STOPSIGNAL"):
            stage.facts[word] = rest
        else:
            raise AssertionError(f"the Dockerfile has {word}, which is not known here")
    return stage


class Container:
    """The image's program, as an engine starts it with --read-only and all capabilities dropped."""

    def __init__(self, image, *arguments):
        self.image = image
        self.options = ("--read-only", "--user", image.facts["USER"])
        self.process = subprocess.Popen(
            [DEBIAN_ROOT, "run", "--layer", image.layer, *self.options, BASE,
             *image.facts["ENTRYPOINT"], *arguments], stdin=subprocess.DEVNULL)

    def healthy(self):
        done = self.image.run(*self.image.facts["HEALTHCHECK"], options=self.options,
                              stdout=subprocess.PIPE, check=False)
        return done.returncode == 0

    def soon(self, condition):
        end = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < end and self.process.poll() is None, "not within 10 s"
            time.sleep(0.1)


def test_it_starts_and_checks_its_health(image):
    before = image.run(*image.facts["HEALTHCHECK"], stdout=subprocess.PIPE, check=False)
    assert before.returncode == 1, "port 9121 is taken; the test needs it"
    container = Container(image)
    container.soon(container.healthy)
    status = dict(line.split(":\t", 1) for line in
                  open(f"/proc/{container.process.pid}/status", encoding="utf-8") if ":\t" in line)
    user, group = image.facts["USER"].split(":")
    assert status["Uid"].split() == [user] * 4 and status["Gid"].split() == [group] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    container.process.terminate()
    assert container.process.wait(20) == 0


def test_every_library_is_there_and_none_is_missing_from_the_list(image):
    done = image.run("ldd", image.facts["ENTRYPOINT"][0], stdout=subprocess.PIPE, check=True)
    assert "not found" not in done.stdout, done.stdout


def test_the_packages_are_those_that_the_program_needs(image):
    """What the Dockerfile names is linked, so that the list does not grow stale."""
    named = next(rest for word, rest in instructions()[::-1]
                 if word == "RUN" and "apt-get install" in rest)
    libraries = set(re.findall(r"\b(lib[\w.+-]+)", named)) - {"lib/apt/lists"}
    linked = image.run("sh", "-ec", f"ldd {image.facts['ENTRYPOINT'][0]} | awk '{{print $3}}' "
                       "| xargs -r -n1 readlink -f | sed 's#^/usr##' | sort -u "
                       "| xargs -r -n1 -I{} sh -c 'dpkg-query -S /usr{} || dpkg-query -S {}' "
                       "2>/dev/null", stdout=subprocess.PIPE, check=False).stdout
    owners = {line.split(":")[0] for line in linked.splitlines()}
    missing = {name for name in libraries if name.startswith("lib")} - owners
    assert owners and not missing, f"named, but not linked: {missing}"


def test_it_trusts_the_usual_authorities(image):
    done = image.run("sh", "-ec", "wc -c </etc/ssl/certs/ca-certificates.crt",
                     stdout=subprocess.PIPE, check=True)
    assert int(done.stdout) > 100000


def test_nothing_in_it_raises_rights_or_belongs_to_the_build(image):
    added = [os.path.join(path, name) for path, _, names in os.walk(image.upper) for name in names]
    assert not [path for path in added if not os.path.islink(path)
                and os.lstat(path).st_mode & 0o6000 and not os.path.ismount(path)]
    for tool in "gcc", "cmake", "git":
        assert image.run("sh", "-c", f"command -v {tool}", check=False,
                         stdout=subprocess.PIPE).returncode != 0, tool
    # what apt fetched is not kept in Debian's images, which have a setting for that
    size = sum(os.lstat(path).st_size for path in added if "/var/cache/" not in path)
    print(f"# {size / 1e6:.0f} MB above the base")
    assert size < 40e6, size


def test_it_tells_its_version(image):
    done = image.run(*image.facts["ENTRYPOINT"], "--version", stdout=subprocess.PIPE, check=True)
    assert done.stdout.startswith("redis_cluster_exporter ")


def main():
    subprocess.run([DEBIAN_ROOT, "make", "trixie", BASE], check=True, stdout=sys.stderr)
    log = os.path.join(ROOTS, "image.log")
    with open(log, "w", encoding="utf-8") as out:
        saved = os.dup(1), os.dup(2)
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        try:
            image = build()
        finally:
            os.dup2(saved[0], 1)
            os.dup2(saved[1], 2)
    failed, tests = 0, [(n, f) for n, f in globals().items() if n.startswith("test_")]
    for name, test in tests:
        try:
            test(image)
            print(f"ok - {name}", flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError) as e:
            failed += 1
            print(f"not ok - {name}: {e!r}", flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
