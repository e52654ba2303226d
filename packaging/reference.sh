#!/bin/sh
# Makes the man pages and the shells' completions from the --help of a program that was built:
#   reference.sh PROGRAM DIRECTORY     (DIRECTORY/man/template* are the man pages around what is made)
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

# The page about the file shows the file that is shipped, which has every key.
sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^[.']/\\\\\&&/" \
    "$(dirname "$0")/redis_cluster_exporter.yml" >"$directory/man/file"
sed "/^\.\\\\\" FILE\$/r $directory/man/file" "$directory/man/template.5" \
    >"$directory/redis_cluster_exporter.yml.5"
