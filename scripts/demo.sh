#!/usr/bin/env bash
#
# Shows the exporter at work: on a Redis Cluster of its own, made for the
# occasion, or on a cluster you name. Everything it starts ends with it.
#
# Some functions are only called by name, from trap and wait_for:
# shellcheck disable=SC2317

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly script_name=${0##*/}
readonly exporter=build/redis_cluster_exporter
readonly node_count=6

usage() {
    cat <<USAGE
Usage: scripts/$script_name [--with-prometheus] [SEED]

Without SEED: starts a Redis Cluster of three masters and three replicas on
127.0.0.1:8001 to 8006 and the exporter on port 9121. With SEED, the address
of one node of your cluster: starts only the exporter.

  scripts/$script_name
  scripts/$script_name --with-prometheus
  scripts/$script_name redis://10.0.0.5:6379
  REDIS_PASSWORD=... scripts/$script_name redis://10.0.0.5:6379

--with-prometheus also starts Prometheus and Alertmanager on ports 9090 and
9093, with the alerts of dashboards/, and tells how to see one fire.

Installs the Debian packages that are missing, and builds the exporter.
Ctrl-C stops what was started and removes its data.

Environment:
  DEMO_PORT           port of the first Redis node (8001)
  DEMO_EXPORTER_PORT  port of the exporter (9121)
  DEMO_PROMETHEUS_PORT, DEMO_ALERTMANAGER_PORT  theirs (9090, 9093)
USAGE
}

say() {
    printf '%s\n' "$*"
}

fail() {
    printf '%s: %s\n' "$script_name" "$*" >&2
    exit 1
}

fail_usage() {
    printf '%s: %s (see --help)\n' "$script_name" "$*" >&2
    exit 2
}

# fail_with_log LOGFILE MESSAGE...: the end of the log usually names the cause.
fail_with_log() {
    local log=$1
    shift
    printf '%s: %s\n' "$script_name" "$*" >&2
    if [[ -s $log ]]; then
        tail -n 10 "$log" | sed 's/^/    /' >&2
    fi
    exit 1
}

# --- stopping ---------------------------------------------------------------

work=                   # the directory of this run: logs, password, the nodes' data
exporter_pid=           # the exporter
declare -A node_pids=() # the Redis nodes, by port
service_pids=()         # Prometheus and Alertmanager

is_alive() {
    kill -0 "$1" 2>/dev/null
}

# Every process is started with setsid and so leads a group of its own: the
# terminal's Ctrl-C reaches only this script, and a signal to the group reaches
# also what the process has started. Right after its start the group may not be
# there yet.
signal_group() {
    kill "-$1" -- "-$2" 2>/dev/null || kill "-$1" "$2" 2>/dev/null || true
}

# wait_for SECONDS COMMAND...: until the command succeeds, or time is up.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        if ((SECONDS >= deadline)); then
            return 1
        fi
        sleep 0.2
    done
}

is_gone() {
    ! is_alive "$1"
}

# Ends the installation or build under way. Waits as long as it takes: packages
# half installed would be worse.
stop_step() {
    local pid
    for pid in $(jobs -p); do
        signal_group TERM "$pid"
    done
    wait 2>/dev/null
}

stop_exporter() {
    signal_group TERM "$exporter_pid"
    wait_for 5 is_gone "$exporter_pid" || signal_group KILL "$exporter_pid"
}

stop_services() {
    local pid
    for pid in "${service_pids[@]}"; do
        signal_group TERM "$pid"
    done
    for pid in "${service_pids[@]}"; do
        wait_for 5 is_gone "$pid" || signal_group KILL "$pid"
    done
}

# KILL, because it also ends nodes that were stopped with SIGSTOP, and at once:
# their data is removed right after.
stop_nodes() {
    local pid
    for pid in "${node_pids[@]}"; do
        signal_group KILL "$pid"
    done
    for pid in "${node_pids[@]}"; do
        wait_for 5 is_gone "$pid" || true
    done
}

clean_up() {
    trap '' INT TERM HUP PIPE
    set +e # whatever goes wrong here, the rest is still to be done
    stop_step
    stop_services
    if [[ -n $exporter_pid ]]; then
        stop_exporter
    fi
    stop_nodes
    if [[ -n $work ]]; then
        rm -rf "$work"
    fi
}

stop_on_request() {
    trap '' INT TERM HUP PIPE
    say ""
    say "Stopping."
    exit 0
}

# --- before anything is started ---------------------------------------------

# check_port NAME VALUE HIGHEST
check_port() {
    if [[ ! $2 =~ ^[1-9][0-9]{0,4}$ ]] || (($2 > $3)); then
        fail_usage "$1 must be a port from 1 to $3, not \"$2\""
    fi
}

# Sets exporter_port, and ports and bus_ports of the Redis nodes: a node's bus
# port is 10000 above its port.
choose_ports() {
    local first=${DEMO_PORT:-8001} port
    exporter_port=${DEMO_EXPORTER_PORT:-9121}
    prometheus_port=${DEMO_PROMETHEUS_PORT:-9090}
    alertmanager_port=${DEMO_ALERTMANAGER_PORT:-9093}
    check_port DEMO_EXPORTER_PORT "$exporter_port" 65535
    check_port DEMO_PROMETHEUS_PORT "$prometheus_port" 65535
    check_port DEMO_ALERTMANAGER_PORT "$alertmanager_port" 65535
    check_port DEMO_PORT "$first" $((65535 - 10000 - node_count + 1))
    ports=()
    bus_ports=()
    for ((port = first; port < first + node_count; port++)); do
        ports+=("$port")
        bus_ports+=("$((port + 10000))")
        if ((port == exporter_port || port + 10000 == exporter_port)); then
            fail_usage "DEMO_PORT and DEMO_EXPORTER_PORT overlap at $exporter_port"
        fi
    done
}

# Asks the kernel's tables, on which 0A means listening, because the tools that
# read them are not installed everywhere.
is_listened_on() {
    grep -qsE "^ *[0-9]+: [0-9A-F]+:$(printf '%04X' "$1") [0-9A-F]+:0000 0A " \
        /proc/net/tcp /proc/net/tcp6
}

fail_if_busy() {
    local port
    for port in "$@"; do
        if is_listened_on "$port"; then
            fail "port $port is in use; DEMO_PORT and the like choose others (see --help)"
        fi
    done
}

# --- installing and building ------------------------------------------------

# In the background, so that a signal is answered at once.
run_step() {
    setsid "$@" </dev/null &
    wait "$!"
}

# Says what it installs, or why it cannot; says nothing when nothing is missing.
install_packages() {
    if ! command -v apt-get >/dev/null; then
        say "Not a Debian system: using the tools that are there."
        return
    fi
    run_step scripts/install-deps.sh "$@" || exit 1
}

build_exporter() {
    local log=$work/build.log
    say "Building $exporter ..."
    run_step cmake -S . -B build -DCMAKE_BUILD_TYPE=Release >>"$log" 2>&1 ||
        fail_with_log "$log" "cmake failed:"
    run_step cmake --build build -j "$(nproc)" >>"$log" 2>&1 ||
        fail_with_log "$log" "the build failed:"
}

# --- the cluster ------------------------------------------------------------

make_password() {
    (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$work/password")
    password=$(<"$work/password")
}

# on_node PORT COMMAND...
on_node() {
    local port=$1
    shift
    REDISCLI_AUTH=$password redis-cli -h 127.0.0.1 -p "$port" "$@" 2>&1
}

start_node() {
    local port=$1 directory=$work/$1
    mkdir "$directory"
    (umask 077 && cat >"$directory/redis.conf") <<CONF
port $port
bind 127.0.0.1
protected-mode yes
requirepass $password
masterauth $password
dir $directory
logfile $directory/redis.log
appendonly yes
save ""
cluster-enabled yes
cluster-config-file nodes-$port.conf
cluster-node-timeout 5000
repl-diskless-sync-delay 0
CONF
    setsid redis-server "$directory/redis.conf" </dev/null >"$directory/redis.log" 2>&1 &
    node_pids[$port]=$!
    disown # or bash would report a killed node in its own words
}

node_answers() {
    [[ $(on_node "$1" ping) == PONG ]]
}

# Every node knows all others and calls the cluster ok, and every replica has
# its copy of the data.
cluster_is_complete() {
    local port info
    local replicas=0
    for port in "${ports[@]}"; do
        info=$(on_node "$port" cluster info) || return 1
        [[ $info == *cluster_state:ok* && $info == *cluster_known_nodes:$node_count* ]] || return 1
        info=$(on_node "$port" info replication) || return 1
        if [[ $info == *master_link_status:up* ]]; then
            replicas=$((replicas + 1))
        fi
    done
    ((replicas == node_count / 2))
}

start_cluster() {
    local port log=$work/create.log
    say "Starting three masters and three replicas on 127.0.0.1:${ports[0]} to ${ports[-1]} ..."
    make_password
    for port in "${ports[@]}"; do
        start_node "$port"
    done
    for port in "${ports[@]}"; do
        wait_for 15 node_answers "$port" ||
            fail_with_log "$work/$port/redis.log" "the Redis node on port $port did not start:"
    done
    REDISCLI_AUTH=$password run_step redis-cli --cluster create \
        "${ports[@]/#/127.0.0.1:}" --cluster-replicas 1 --cluster-yes >"$log" 2>&1 ||
        fail_with_log "$log" "making the cluster failed:"
    wait_for 30 cluster_is_complete ||
        fail_with_log "$work/${ports[0]}/redis.log" "the cluster did not become ok within 30 s:"
}

# Keys of every type, of which 60 expire within the hour.
sample_commands() {
    local i
    for ((i = 1; i <= 100; i++)); do
        echo "SET sample:string:$i value-$i"
    done
    for ((i = 1; i <= 60; i++)); do
        echo "SET sample:session:$i open EX $((600 + i * 50))"
    done
    for ((i = 1; i <= 20; i++)); do
        echo "HSET sample:hash:$i name user-$i visits $i"
        echo "RPUSH sample:list:$i a b c"
        echo "SADD sample:set:$i red green blue"
        echo "ZADD sample:zset:$i 1 one 2 two 3 three"
        echo "XADD sample:stream:$i * event started"
    done
}

readonly sample_key_count=260

keys_in_cluster() {
    local port keys sum=0
    for port in "${ports[@]}"; do
        if [[ $(on_node "$port" role) == master* ]]; then
            keys=$(on_node "$port" dbsize)
            sum=$((sum + keys))
        fi
    done
    echo "$sum"
}

# redis-cli -c follows the redirection to the node that has a key's slot. It
# ends with status 0 even when commands fail, so the keys are counted.
write_sample_keys() {
    local log=$work/sample.log
    say "Writing $sample_key_count sample keys ..."
    sample_commands | on_node "${ports[0]}" -c >"$log" ||
        fail_with_log "$log" "writing sample keys failed:"
    if [[ $(keys_in_cluster) != "$sample_key_count" ]]; then
        fail_with_log "$log" "some sample keys could not be written:"
    fi
}

# --- the exporter -----------------------------------------------------------

# http_get PATH [PORT]: prints the response's header and body. Done by bash,
# because curl is not among the packages the build takes.
http_get() {
    local connection
    { exec {connection}<>"/dev/tcp/127.0.0.1/${2:-$exporter_port}"; } 2>/dev/null || return 1
    printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$1" >&"$connection"
    timeout 15 cat <&"$connection" 2>/dev/null
    exec {connection}>&-
}

# True when the exporter answers, or will not any more.
exporter_answers_or_is_gone() {
    is_gone "$exporter_pid" || [[ $(http_get /-/healthy) == HTTP/1.?\ 200* ]]
}

# start_exporter FLAG...: seeds and passwords come by environment or file.
start_exporter() {
    local log=$work/exporter.log
    say "Starting the exporter on port $exporter_port ..."
    setsid "$exporter" --web.listen-address="127.0.0.1:$exporter_port" "$@" \
        </dev/null >"$log" 2>&1 &
    exporter_pid=$!
    disown
    wait_for 15 exporter_answers_or_is_gone ||
        fail_with_log "$log" "the exporter does not answer on port $exporter_port:"
    if is_gone "$exporter_pid"; then
        fail_with_log "$log" "the exporter did not start:"
    fi
}

nodes_up() {
    grep -c '^redis_up{.*} 1' <<<"$(http_get /metrics)" || true
}

# Why nodes are not reached, in the exporter's words.
node_errors() {
    http_get /metrics | sed -n 's/^redis_exporter_last_scrape_error{.*err="\([^"]*\)".*/\1/p' |
        sort -u | tr '\n' ' '
}

all_nodes_up() {
    [[ $(nodes_up) == "$node_count" ]]
}

# --- Prometheus and Alertmanager --------------------------------------------

service_answers_or_is_gone() {
    is_gone "$1" || [[ $(http_get /-/ready "$2") == HTTP/1.?\ 200* ]]
}

# start_service NAME PORT COMMAND...
start_service() {
    local name=$1 port=$2 log=$work/$1.log pid
    shift 2
    say "Starting $name on port $port ..."
    setsid "$@" </dev/null >"$log" 2>&1 &
    pid=$!
    service_pids+=("$pid")
    disown
    wait_for 30 service_answers_or_is_gone "$pid" "$port" ||
        fail_with_log "$log" "$name does not answer on port $port:"
    if is_gone "$pid"; then
        fail_with_log "$log" "$name did not start:"
    fi
}

start_monitoring() {
    local rules=$root/dashboards/prometheus
    cat >"$work/prometheus.yml" <<CONF
global:
  scrape_interval: 5s
  evaluation_interval: 5s
rule_files: ['$rules/rules.yaml', '$rules/alerts.yaml']
alerting:
  alertmanagers:
  - static_configs:
    - targets: ['127.0.0.1:$alertmanager_port']
scrape_configs:
- job_name: redis_cluster
  static_configs:
  - targets: ['127.0.0.1:$exporter_port']
CONF
    start_service alertmanager "$alertmanager_port" prometheus-alertmanager \
        --config.file="$rules/alertmanager.example.yaml" --storage.path="$work/alertmanager" \
        --web.listen-address="127.0.0.1:$alertmanager_port" --cluster.listen-address=
    start_service prometheus "$prometheus_port" prometheus \
        --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/prometheus" \
        --web.listen-address="127.0.0.1:$prometheus_port"
}

# --- what to look at --------------------------------------------------------

# Prints the ports of the nodes with this role: master or slave.
ports_with_role() {
    local port
    for port in "${ports[@]}"; do
        if [[ $(on_node "$port" role) == "$1"* ]]; then
            echo "$port"
        fi
    done
}

describe_nodes() {
    local port separator=
    for port in "$@"; do
        printf '%s%s (pid %s)' "$separator" "$port" "${node_pids[$port]}"
        separator=', '
    done
}

print_addresses() {
    cat <<TEXT

  http://localhost:$exporter_port/metrics   the metrics
  http://localhost:$exporter_port/          the exporter's own page
TEXT
    if [[ $with_prometheus == yes ]]; then
        cat <<TEXT
  http://localhost:$prometheus_port/classic/alerts  the alerts in Prometheus
  http://localhost:$alertmanager_port/         those that Alertmanager tells
TEXT
    fi
}

# The pid of the replica of the master on this port.
replica_pid_of() {
    local port
    for port in "${ports[@]}"; do
        if [[ $(on_node "$port" info replication) == *role:slave*master_port:$1[^0-9]* ]]; then
            echo "${node_pids[$port]}"
        fi
    done
}

print_how_to_see_an_alert() {
    local master=$1
    cat <<TEXT

See an alert fire: kill the master on port $master and its replica, so that
nobody takes over its slots:

  kill -9 ${node_pids[$master]} $(replica_pid_of "$master")

  RedisClusterSlotsUncovered, RedisClusterStateFail and RedisClusterMasterFailed
  are pending after the cluster's timeout, and fire a minute later:

  watch -n 5 "amtool alert --alertmanager.url=http://localhost:$alertmanager_port"

  The pages that the alerts link to: dashboards/runbooks
TEXT
}

print_what_to_try() {
    local -a masters replicas
    mapfile -t masters <<<"$(ports_with_role master)"
    mapfile -t replicas <<<"$(ports_with_role slave)"
    cat <<TEXT

Masters:  $(describe_nodes "${masters[@]}")
Replicas: $(describe_nodes "${replicas[@]}")

Try this in a second terminal. Look:

  curl -s localhost:$exporter_port/metrics | grep -E '^redis_(up|cluster_nodes|cluster_slots_covered)'

Kill the master on port ${masters[0]}, and look every few seconds:

  kill -9 ${node_pids[${masters[0]}]}

  redis_up of 127.0.0.1:${masters[0]} is 0 at once. After the cluster's timeout of
  5 s redis_cluster_nodes counts the node under health="fail", and
  redis_cluster_slots_covered drops until a replica takes over: then it is
  16384 again.

After that, freeze the master on port ${masters[1]}, look, and let it go on:

  kill -STOP ${node_pids[${masters[1]}]}
  kill -CONT ${node_pids[${masters[1]}]}

Talk to the cluster:

  REDISCLI_AUTH=\$(cat $work/password) redis-cli -c -p ${ports[1]}
TEXT
    if [[ $with_prometheus == yes ]]; then
        print_how_to_see_an_alert "${masters[2]}"
    fi
}

# --- staying ----------------------------------------------------------------

# Tells when a node has ended, and forgets it: its pid may get another owner.
report_ended_nodes() {
    local port
    for port in "${!node_pids[@]}"; do
        if is_gone "${node_pids[$port]}"; then
            say "The node on port $port has ended."
            unset "node_pids[$port]"
        fi
    done
}

stay_until_stopped() {
    say ""
    say "Running. Ctrl-C stops everything and removes $work."
    while is_alive "$exporter_pid"; do
        report_ended_nodes
        sleep 0.2
    done
    exporter_pid=
    fail_with_log "$work/exporter.log" "the exporter has ended by itself:"
}

# --- main -------------------------------------------------------------------

demo_on_own_cluster() {
    fail_if_busy "${service_ports[@]}" "${ports[@]}" "${bus_ports[@]}"
    # What you have set for another cluster must not reach this one.
    unset "${!REDIS_@}"

    install_packages build demo "${more_packages[@]}"
    build_exporter
    start_cluster
    write_sample_keys
    REDIS_ADDR="redis://127.0.0.1:${ports[0]},redis://127.0.0.1:${ports[1]}" \
        start_exporter --redis.cluster-name=demo --redis.password-file="$work/password" \
        --cluster.one-host
    wait_for 15 all_nodes_up ||
        fail "the exporter reaches $(nodes_up) of $node_count nodes: $(node_errors)"
    say "The exporter reaches all $node_count nodes."
    [[ $with_prometheus == no ]] || start_monitoring
    print_addresses
    print_what_to_try
}

# The seed may hold a password: it goes by the environment and is not printed.
demo_on_cluster_of() {
    local seed=$1 up
    fail_if_busy "${service_ports[@]}"

    install_packages build "${more_packages[@]}"
    build_exporter
    REDIS_ADDR=$seed start_exporter
    up=$(nodes_up)
    if [[ $up == 0 ]]; then
        fail "the exporter reaches no node of the cluster at ${seed##*@}: $(node_errors)"
    fi
    say "The exporter reaches $up nodes of the cluster at ${seed##*@}."
    [[ $with_prometheus == no ]] || start_monitoring
    print_addresses
}

with_prometheus=no
more_packages=()

main() {
    local seed='' argument
    for argument in "$@"; do
        case $argument in
            -h | --help)
                usage
                exit 0
                ;;
            --with-prometheus) with_prometheus=yes ;;
            -*) fail_usage "unknown option $argument" ;;
            *:*)
                [[ -z $seed ]] || fail_usage "only one seed can be given"
                seed=$argument
                ;;
            *) fail_usage "\"$argument\" is no address such as redis://host:6379" ;;
        esac
    done
    choose_ports
    service_ports=("$exporter_port")
    if [[ $with_prometheus == yes ]]; then
        service_ports+=("$prometheus_port" "$alertmanager_port")
        more_packages=(monitoring)
    fi

    trap clean_up EXIT
    trap stop_on_request INT TERM HUP PIPE
    cd "$root"
    work=$(mktemp -d -t redis-cluster-demo.XXXXXX)

    if [[ -n $seed ]]; then
        demo_on_cluster_of "$seed"
    else
        demo_on_own_cluster
    fi
    stay_until_stopped
}

main "$@"
