"""What is made for packages: man page, completions, units, the image's recipe, manifests."""

import json
import os
import re
import shutil

import yaml

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


def check_page(page):
    assert run("mandoc", "-Tlint", page, check=False).stdout == ""
    assert run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page).stderr == ""


def test_the_man_page_of_the_file_shows_the_file():
    page = made("redis_cluster_exporter.yml.5")
    check_page(page)
    shown = re.sub(".\b", "", run("mandoc", "-Tutf8", "-Owidth=200", page).stdout)
    shown = {line.strip() for line in shown.splitlines()}
    file = os.path.join(REPO, "packaging", "redis_cluster_exporter.yml")
    assert {line.strip() for line in read(file).splitlines()} <= shown


def test_the_man_page_is_clean_and_has_every_flag_variable_and_collector():
    page = made("redis_cluster_exporter.1")
    check_page(page)
    shown = run("mandoc", "-Tutf8", "-Owidth=200", page).stdout
    shown = re.sub(".\b", "", shown)  # overstruck: bold or underlined
    assert len(flags()) > 30 and len(collectors()) > 10
    for name, argument in flags().items():
        shape = re.escape(f"--{name}{'=' if argument else ''}{argument}")
        assert re.search(rf"^ +{shape}(\n| )", shown, re.M), name
    for name in re.findall(r"^  --\S+ +\((\w+)\)", help_text(), re.M):
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
        text = re.sub(r"^(Exec\w+=)/usr\S*", rf"\1{harness.EXPORTER}", text, flags=re.M)
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
    settings = read(made("redis_cluster_exporter.default"))
    for name in re.findall(r"\b((?:REDIS|WEB)_[A-Z_]+)=", service + settings):
        assert f"({name})" in text, name
    sections = dict(re.findall(r"^(\w+)=(.*)$", service, re.M))
    assert sections["Type"] == "notify" and sections["WatchdogSec"]
    assert sections["EnvironmentFile"].endswith("/etc/default/redis_cluster_exporter")


# ---- the image ----------------------------------------------------------------------------------


def instructions():
    """[(instruction, rest)] of the Dockerfile, with lines joined and comments left out."""
    text = re.sub(r"^#.*\n", "", read(os.path.join(REPO, "Dockerfile")), flags=re.M)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line.strip()]


def test_the_dockerfile_keeps_the_rules():
    all_of = instructions()
    stages = [i for i, (word, _) in enumerate(all_of) if word == "FROM"]
    final, words = all_of[stages[-1]:], [word for word, _ in all_of]
    said = dict(final)
    assert len(stages) == 2 and words[0] == "ARG", "two stages from one base"
    assert re.fullmatch(r"BASE=debian:13-slim", all_of[0][1])
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", said["USER"]), "Kubernetes checks numbers only"
    assert said["STOPSIGNAL"] == "SIGTERM" and said["EXPOSE"] == "9121"
    assert said["ENTRYPOINT"] == '["/usr/bin/redis_cluster_exporter"]'
    assert said["HEALTHCHECK"].endswith('CMD ["/usr/bin/redis_cluster_exporter", "--healthcheck"]')
    assert "ADD" not in words and "VOLUME" not in words
    labels = dict(re.findall(r'org\.opencontainers\.image\.([\w.]+)="([^"]*)"', said["LABEL"]))
    assert set(labels) >= {"title", "description", "version", "revision", "source", "licenses"}
    assert labels["licenses"] == "Apache-2.0" and labels["version"] == "${VERSION}"
    assert f"VERSION={project_version()}" in [rest for word, rest in final if word == "ARG"]
    for word, rest in final:
        if word == "RUN" and "apt-get install" in rest:
            assert "--no-install-recommends" in rest and "ca-certificates" in rest
            assert rest.endswith("rm -rf /var/lib/apt/lists/*")
            break
    else:
        raise AssertionError("no packages are installed")
    secrets = [rest for word, rest in all_of if word in ("ENV", "ARG") and "PASSWORD" in rest]
    assert not secrets and "REVISION" in str(final)


def project_version():
    return re.search(r"project\(\w+ VERSION ([\d.]+)", read(os.path.join(REPO, "CMakeLists.txt")))[1]


def test_the_image_gets_only_what_it_is_built_from():
    rules = [line for line in read(os.path.join(REPO, ".dockerignore")).splitlines()
             if line and line[0] != "#"]
    assert rules[0] == "*"
    allowed = [rule.removeprefix("!") for rule in rules[1:]]
    assert all(os.path.exists(os.path.join(REPO, path)) for path in allowed), allowed
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert source == "." or source.rstrip("/") in allowed or any(
                    path.startswith(source) for path in allowed), source


# ---- Kubernetes ---------------------------------------------------------------------------------

KUBERNETES = os.path.join(REPO, "packaging", "kubernetes")


def parse_yaml(path):
    with open(path, encoding="utf-8") as f:
        return yaml.safe_load(f)


def built():
    """The objects of the example: by kubectl where it is, else the files that the base names."""
    if shutil.which("kubectl"):
        return list(yaml.safe_load_all(
            run("kubectl", "kustomize", os.path.join(KUBERNETES, "example")).stdout))
    base = os.path.join(KUBERNETES, "base")
    names = parse_yaml(os.path.join(base, "kustomization.yaml"))["resources"]
    return [parse_yaml(os.path.join(base, name)) for name in names if name.endswith(".yaml")]


def of_kind(objects, kind):
    return [one for one in objects if one["kind"] == kind]


def test_the_manifests_are_built_and_lead_to_each_other():
    objects = built()
    (deployment,), (service,), (monitor,), (policy,), (account,) = (
        of_kind(objects, kind) for kind in (
            "Deployment", "Service", "ServiceMonitor", "NetworkPolicy", "ServiceAccount"))
    pod = deployment["spec"]["template"]
    labels = pod["metadata"]["labels"].items()
    for selector in (deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"],
                     policy["spec"]["podSelector"]["matchLabels"]):
        assert selector.items() <= labels, selector
    assert (monitor["spec"]["selector"]["matchLabels"].items()
            <= service["metadata"]["labels"].items())
    (container,), (port,) = pod["spec"]["containers"], service["spec"]["ports"]
    assert [p["name"] for p in container["ports"]] == [port["targetPort"]]
    assert container["ports"][0]["containerPort"] == 9121
    assert monitor["spec"]["endpoints"][0]["port"] == port["name"]
    assert pod["spec"]["serviceAccountName"] == account["metadata"]["name"]
    assert {m["name"] for m in container["volumeMounts"]} == {
        v["name"] for v in pod["spec"]["volumes"]}
    secret = pod["spec"]["volumes"][0]["secret"]["secretName"]
    config = container["envFrom"][0]["configMapRef"]["name"]
    if shutil.which("kubectl"):
        assert {one["metadata"]["name"] for one in of_kind(objects, "Secret")} == {secret}
        (variables,) = [one["data"] for one in of_kind(objects, "ConfigMap")
                        if one["metadata"]["name"] == config]
        assert all(f"({name})" in help_text() for name in variables), variables
        assert {one["metadata"]["namespace"] for one in objects} == {"redis"}
    assert all(f"({variable['name']})" in help_text() for variable in container["env"])


def test_the_pod_has_no_rights_and_is_probed():
    (deployment,) = of_kind(built(), "Deployment")
    assert deployment["spec"]["replicas"] == 1, "two would count each cluster twice"
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    user = dict(instructions())["USER"].split(":")[0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == int(user)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]}}
    assert pod["automountServiceAccountToken"] is False
    exporter = harness.Exporter(None)
    for probe in "livenessProbe", "readinessProbe":
        assert exporter.get(container[probe]["httpGet"]["path"]).status == 200
    assert set(container["resources"]) == {"requests", "limits"}


def test_the_rules_and_dashboards_for_kubernetes_are_those_that_are_shipped():
    run(os.path.join(REPO, "scripts", "kubernetes.sh"), "--check")
    rule = parse_yaml(os.path.join(KUBERNETES, "base", "prometheusrule.yaml"))
    path = os.path.join(temp_dir(), "rules.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(rule["spec"], f)
    run("promtool", "check", "rules", path)
    folder = os.path.join(REPO, "dashboards")
    files = [entry["files"] for entry in
             parse_yaml(os.path.join(folder, "kustomization.yaml"))["configMapGenerator"]]
    assert all(len(names) == 1 for names in files), "one dashboard each"
    assert {os.path.basename(names[0]) for names in files} == set(
        os.listdir(os.path.join(folder, "grafana")))
    for one in of_kind(built(), "ConfigMap"):
        if one["metadata"].get("labels", {}).get("grafana_dashboard") == "1":
            assert len(json.dumps(one)) < 1 << 20, one["metadata"]["name"]
