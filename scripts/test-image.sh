#!/usr/bin/env bash
# Builds the Dockerfile without an engine for containers, in root folders made by debootstrap, and runs
# what its last stage holds as the image would be run: as its user, without rights, with a read-only
# root. Needs root, and some minutes the first time. Ends with one line, "N passed, N failed".
#
# usage: scripts/test-image.sh       roots are kept in build-trixie, or where DEBIAN_ROOTS says
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 packaging/test_image.py "${DEBIAN_ROOTS:-$PWD/build-trixie}"
