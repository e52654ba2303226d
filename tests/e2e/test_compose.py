"""packaging/compose, as far as it can be looked at without containers."""

import json
import os
import re

import dashboard_rules as rules
from harness import EXPORTER, REPO, run, temp_dir

COMPOSE = os.path.join(REPO, "packaging", "compose")


def read_yaml(*path):
    return json.loads(run("jsonnet", "-e", "std.parseYaml(importstr %s)"
                          % json.dumps(os.path.join(COMPOSE, *path))).stdout)


def mounts(service):
    """{path in the container: path here} of what is mounted from this repository."""
    pairs = [volume.split(":")[:2] for volume in service["volumes"] if volume.startswith(".")]
    return {inside: os.path.normpath(os.path.join(COMPOSE, here)) for here, inside in pairs}


def addresses(services):
    """name:port of all services, by the ports that they publish."""
    return {f"{name}:{port.split(':')[2]}" for name, service in services.items()
            for port in service["ports"]}


def test_the_services_of_the_compose_file_find_their_files_and_each_other():
    compose = read_yaml("compose.yaml")
    services = compose["services"]
    assert set(services) == {"exporter", "prometheus", "alertmanager", "grafana"}
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        assert re.fullmatch(r"redis_cluster_exporter|[\w/]+:v?[\d.]+", service["image"]), name
        for volume in service.get("volumes", []):
            assert volume.startswith(".") or volume.split(":")[0] in compose["volumes"], volume
        for inside, here in mounts(service).items() if "volumes" in service else ():
            assert os.path.exists(here), f"{name}: {here}"
            assert inside.startswith("/"), inside
    assert os.path.exists(os.path.join(COMPOSE, services["exporter"]["build"], "Dockerfile"))
    keys = set("image build command environment ports volumes tmpfs restart read_only cap_drop"
               " security_opt".split())
    assert {key for service in services.values() for key in service} <= keys
    assert set(compose) == {"name", "services", "volumes"}
    text = run(EXPORTER, "--help").stdout
    missing = [name for name in services["exporter"]["environment"] if f"({name})" not in text]
    assert not missing, missing
    source = read_yaml("grafana", "provisioning", "datasources", "prometheus.yaml")["datasources"]
    assert [one["url"].removeprefix("http://") in addresses(services) for one in source] == [True]
    provider = read_yaml("grafana", "provisioning", "dashboards", "redis-cluster.yaml")
    grafana = mounts(services["grafana"])
    # As Grafana documents them: it takes no notice of others.
    for entry, known in (
            (source[0], "name type access url isDefault editable jsonData"),
            (source[0]["jsonData"], "timeInterval prometheusType"),
            (provider["providers"][0], "name type folder allowUiUpdates disableDeletion options"),
            (provider["providers"][0]["options"], "path")):
        assert set(entry) == set(known.split()), entry
    assert grafana[provider["providers"][0]["options"]["path"]] == rules.FOLDER
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert os.path.basename(home) in os.listdir(grafana[os.path.dirname(home)])


def test_prometheus_and_alertmanager_of_the_compose_file_are_configured_well():
    services = read_yaml("compose.yaml")["services"]
    config = read_yaml("prometheus", "prometheus.yml")
    prometheus = mounts(services["prometheus"])
    flags = dict(flag.split("=") for flag in services["prometheus"]["command"])
    assert prometheus[flags["--config.file"]] == os.path.join(
        COMPOSE, "prometheus", "prometheus.yml")
    targets = [target for section in [config["scrape_configs"], config["alerting"]["alertmanagers"]]
               for job in section for group in job["static_configs"] for target in group["targets"]]
    assert set(targets) <= addresses(services) and len(targets) == 2, targets
    config["rule_files"] = [prometheus[name] for name in config["rule_files"]]
    path = os.path.join(temp_dir(), "prometheus.yml")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(config, f)
    checked = run("promtool", "check", "config", path).stdout
    assert len(config["rule_files"]) == 2 and "SUCCESS: 2 rule files found" in checked, checked
    run("amtool", "check-config", *mounts(services["alertmanager"]).values())
