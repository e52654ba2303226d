"""What is made for packages: man page, completions, units, the image's recipe, manifests."""

import os
import re

import harness
from harness import REPO, run, temp_dir


def made(*path):
    """A file that the build made beside the program."""
    return os.path.join(os.path.dirname(harness.EXPORTER), "packaging", *path)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def help_text():
    return run(harness.EXPORTER, "--help").stdout


def flags():
    """{name: argument} of --help, without the aliases; collectors are not among them."""
    own = help_text().split("\nThese flags of redis_exporter")[0]
    return dict(re.findall(r"^  --([\w.-]+)(?:=(\S+))?", own, re.M))


def collectors():
    return set(re.findall(r"^  ([\w-]+) +(?:on|off) ", help_text().split("\nCollectors")[1], re.M))


def all_flags():
    return set(flags()) | {kind + name for name in collectors()
                           for kind in ("collector.", "no-collector.")}


# ---- the man page and the completions -----------------------------------------------------------


def test_the_man_page_is_clean_and_has_every_flag_variable_and_collector():
    page = made("redis_cluster_exporter.1")
    assert run("mandoc", "-Tlint", page, check=False).stdout == ""
    assert run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page).stderr == ""
    shown = run("mandoc", "-Tutf8", "-Owidth=200", page).stdout
    shown = re.sub(".\b", "", shown)  # overstruck: bold or underlined
    assert len(flags()) > 30 and len(collectors()) > 10
    for name, argument in flags().items():
        shape = re.escape(f"--{name}{'=' if argument else ''}{argument}")
        assert re.search(rf"^ +{shape}(\n| )", shown, re.M), name
    for name in re.findall(r"\(([A-Z_]{4,})\)", help_text()):
        assert f"Variable: {name}." in shown, name
    for name in collectors():
        assert re.search(rf"^ +{name} \((on|off)\)", shown, re.M), name
    assert run(harness.EXPORTER, "--version").stdout.split()[1] in shown


def complete_in_bash(*words):
    """What bash offers for the last word."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; '
              '_redis_cluster_exporter; printf "%s\\n" "${COMPREPLY[@]}"')
    return run("bash", "-euc", script, "bash", made("completion", "redis_cluster_exporter"),
               "redis_cluster_exporter", *words).stdout.split()


def test_bash_completes_flags_values_and_files():
    offered = complete_in_bash("--")
    assert {word.removeprefix("--").rstrip("=") for word in offered} == all_flags()
    assert {word for word in offered if word.endswith("=")} == {
        f"--{name}=" for name, argument in flags().items() if argument}
    assert complete_in_bash("--log.level", "=", "") == ["debug", "info", "warn", "error"]
    assert complete_in_bash("--log.level", "=") == ["debug", "info", "warn", "error"]
    assert complete_in_bash("--log.level=debug", "--log.format", "=", "j") == ["json"]
    assert complete_in_bash("--redis.password-file", "=", "/etc/pass")[0].startswith("/etc/passwd")
    assert complete_in_bash("--redis.password", "=", "") == []
    assert complete_in_bash("--redis.password-f") == ["--redis.password-file="]


def complete_in_fish(line):
    offered = run("fish", "--no-config", "-c", 'source $argv[1]; complete -C $argv[2]',
                  made("completion", "redis_cluster_exporter.fish"),
                  "redis_cluster_exporter " + line).stdout
    return [one.split("\t")[0] for one in offered.splitlines()]


def test_fish_completes_flags_and_values():
    offered = complete_in_fish("--")
    assert {word.removeprefix("--").rstrip("=") for word in offered} == all_flags()
    assert set(complete_in_fish("--log.format=")) == {"--log.format=json", "--log.format=logfmt"}


def test_zsh_knows_every_flag_with_its_values():
    path = made("completion", "_redis_cluster_exporter")
    # _arguments as a function that prints what it was called with, one by one
    specs = run("zsh", "-f", "-c", '_arguments() { print -rl -- "$@" }; source "$1"', "zsh",
                path).stdout.splitlines()
    names = [re.match(r"\*?--([\w.-]+)=?\[[^\[\]]+\]", spec) for spec in specs]
    assert all(names), [spec for spec, name in zip(specs, names) if not name]
    assert {name[1] for name in names} == all_flags()
    assert [spec for spec in specs if spec.endswith(":(logfmt json)")]
    assert read(path).startswith("#compdef redis_cluster_exporter\n")


# ---- the units ----------------------------------------------------------------------------------

SERVICE, SOCKET = "redis_cluster_exporter.service", "redis_cluster_exporter.socket"


def units():
    """Both units as they are installed, but with the program and without the manual of here."""
    where = temp_dir()
    for name, text in ((SERVICE, read(made(SERVICE))),
                       (SOCKET, read(os.path.join(REPO, "packaging", "systemd", SOCKET)))):
        text = re.sub(r"^ExecStart=\S+", f"ExecStart={harness.EXPORTER}", text, flags=re.M)
        with open(os.path.join(where, name), "w", encoding="utf-8") as f:
            f.write(re.sub(r"^Documentation=man:.*\n", "", text, flags=re.M))
    return where


def test_the_units_are_understood_and_the_service_is_hardened():
    where = units()
    done = run("systemd-analyze", "verify", *(os.path.join(where, n) for n in (SERVICE, SOCKET)))
    assert done.stderr == "" and done.stdout == "", done
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager",
               os.path.join(where, SERVICE), check=False)
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_the_units_name_what_the_program_has():
    service, text = read(made(SERVICE)), help_text()
    settings = read(os.path.join(REPO, "packaging", "etc", "redis_cluster_exporter.default"))
    for name in re.findall(r"\b((?:REDIS|WEB)_[A-Z_]+)=", service + settings):
        assert f"({name})" in text, name
    sections = dict(re.findall(r"^(\w+)=(.*)$", service, re.M))
    assert sections["Type"] == "notify" and sections["WatchdogSec"]
    assert sections["EnvironmentFile"].endswith("/etc/default/redis_cluster_exporter")
