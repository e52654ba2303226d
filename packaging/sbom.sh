#!/usr/bin/env bash
# Prints the bill of materials of a program that was built, as SPDX 2.3 (tag-value): the program, and
# the Debian package of each library that it is linked with, by what the linker and dpkg say here.
#
# usage: packaging/sbom.sh PROGRAM VERSION REVISION     time: SOURCE_DATE_EPOCH
set -euo pipefail

program=$1
version=$2
revision=$3
home=https://github.com/redis-cluster-exporter/redis_cluster_exporter

# The packages whose libraries the program itself names; what these need in turn is theirs to tell.
packages() {
    local library path
    objdump -p "$program" | awk '$1 == "NEEDED" {print $2}' | while read -r library; do
        path=$(ldd "$program" | awk -v name="$library" '$1 == name {print $3}')
        dpkg-query -S "$(readlink -f "$path")" 2>/dev/null || dpkg-query -S "$path"
    done | sed 's/: .*//' | sort -u
}

# Of Debian's copyright file: the licenses that it names, where they are identifiers that SPDX knows
# under the same name. Else it is not asserted: a guess would be worse.
license() {
    local file=/usr/share/doc/${1%%:*}/copyright names
    names=$(sed -n 's/^License: *//p' "$file" 2>/dev/null | sort -u |
        sed -e 's/^Expat$/MIT/' -e 's/^LGPL-2.1+$/LGPL-2.1-or-later/' -e 's/^BSD-3-[Cc]lause$/BSD-3-Clause/')
    if grep -qvxE 'MIT|Apache-2\.0|BSD-3-Clause|LGPL-2\.1-or-later' <<<"$names"; then
        echo NOASSERTION
    else
        sed ':a;N;$!ba;s/\n/ AND /g' <<<"$names"
    fi
}

id() {
    echo "SPDXRef-Package-$1" | tr -c 'A-Za-z0-9.\n-' -
}

describe() {
    local package=$1 source
    # shellcheck disable=SC2016
    source=$(dpkg-query -W -f '${source:Package}' "$package")
    cat <<END

PackageName: ${package%%:*}
SPDXID: $(id "${package%%:*}")
PackageVersion: $(dpkg-query -W -f '${Version}' "$package")
PackageSupplier: Organization: Debian
PackageDownloadLocation: NOASSERTION
FilesAnalyzed: false
PackageSourceInfo: built by Debian from the source package $source
PackageLicenseConcluded: NOASSERTION
PackageLicenseDeclared: $(license "$package")
PackageCopyrightText: NOASSERTION
ExternalRef: PACKAGE-MANAGER purl pkg:deb/debian/${package%%:*}@$(dpkg-query -W -f '${Version}' "$package" | sed 's/:/%3A/; s/+/%2B/g')?arch=$(dpkg-query -W -f '${Architecture}' "$package")
Relationship: SPDXRef-Package-redis-cluster-exporter DYNAMIC_LINK $(id "${package%%:*}")
END
}

cat <<END
SPDXVersion: SPDX-2.3
DataLicense: CC0-1.0
SPDXID: SPDXRef-DOCUMENT
DocumentName: redis_cluster_exporter-$version
DocumentNamespace: $home/spdx/$version-$revision
Creator: Tool: redis_cluster_exporter-sbom.sh
Created: $(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%Y-%m-%dT%H:%M:%SZ)

PackageName: redis_cluster_exporter
SPDXID: SPDXRef-Package-redis-cluster-exporter
PackageVersion: $version
PackageSupplier: Organization: redis_cluster_exporter authors
PackageDownloadLocation: git+$home@$revision
FilesAnalyzed: false
PackageHomePage: $home
PackageLicenseConcluded: Apache-2.0
PackageLicenseDeclared: Apache-2.0
PackageCopyrightText: NOASSERTION
Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-Package-redis-cluster-exporter
END
for package in $(packages); do
    describe "$package"
done
