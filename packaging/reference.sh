#!/bin/sh
# Makes the man page and the shells' completions from the --help of a program that was built:
#   reference.sh PROGRAM DIRECTORY     (DIRECTORY/man/template is the man page around its flags)
set -eu

program=$1
directory=$2
awk_file=$(dirname "$0")/reference.awk

form() {
    "$program" --help | awk -v form="$1" -f "$awk_file"
}

mkdir -p "$directory/completion"
form bash >"$directory/completion/redis_cluster_exporter"
form zsh >"$directory/completion/_redis_cluster_exporter"
form fish >"$directory/completion/redis_cluster_exporter.fish"
form man >"$directory/man/flags"
sed "/^\.\\\\\" FLAGS\$/r $directory/man/flags" "$directory/man/template" \
    >"$directory/redis_cluster_exporter.1"
