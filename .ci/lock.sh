#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Resolves what `make` installs, for both ROS distributions: lock/*.txt. Pins stay as they are where
# they still fit; with --upgrade, or --upgrade-package NAME, newer ones are taken.
set -euo pipefail
cd "$(dirname "$0")/.."

resolve() {
    uv pip compile setup.py --constraint constraints.txt --extra cpu --extra bag --extra train \
        --extra dev --extra fuzz --extra "$1" --universal --python-version 3.10 --no-header --no-annotate \
        --quiet --output-file "$2" "${@:3}"
}

# Of every marker only what is not true of the whole lock ([tool.uv] in pyproject.toml), and no name
# that one index alone has for a build.
shorten() {
    local everywhere="platform_machine == 'x86_64' and platform_python_implementation == 'CPython'"
    sed -E -i \
        -e "s/ and $everywhere and sys_platform == 'linux'//" \
        -e "s/ ; python_full_version < '3\.13'$//; s/ and python_full_version < '3\.13'$//" \
        -e "s/^([^ ]+)\+[a-z0-9.]+/\1/" \
        -e "1i # Every package that \`make\` installs for ROS 2 $1, transitive ones too. \`make lock\` wrote it" \
        -e "1i # from setup.py and constraints.txt. No hashes: docs/security.md says why." "$2"
}

for pair in jazzy:ros kilted:kilted; do
    distribution=${pair%:*}
    lock=lock/$distribution.txt
    # Whatever both install is of one version.
    if [ "$distribution" = kilted ]; then
        { grep -v '^ros-' lock/jazzy.txt; grep '^ros-' "$lock"; } > "$lock.new"
        mv "$lock.new" "$lock"
    fi
    resolve "${pair#*:}" "$lock" "$@"
    shorten "${distribution^}" "$lock"
done
