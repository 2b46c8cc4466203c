#!/usr/bin/env bash
# Installs the project on a bare machine with an NVIDIA GPU, runs the tests of the platform there and
# measures it beside the processor, in eight minutes. Needs Python >= 3.11 with venv and pip.
#
#   benchmarks/gpu.sh                                  writes docs/tables/gpu.md
#   PLATFORM=OpenCL benchmarks/gpu.sh                  the same on another platform, small: a rehearsal
#   benchmarks/gpu.sh wheels FOLDER 3.12 [NAME ...]    fetches wheels for a machine without an index
#   WHEELS=FOLDER benchmarks/gpu.sh                    installs them there, and nothing else
#
# PLATFORM  CUDA where left out; OpenCL, HIP or CPU
# MINUTES   in all, 8 where left out
# SIZE      full or small; full on CUDA and HIP where left out
# OUT       folder of gpu.md
# PYTHON    python3 where left out
# VENV      an environment that has everything already: nothing is installed
# STEPS     some of the steps of benchmarks/gpu.py, with commas
#
# What stands in WHEELS is installed without looking at what it needs, over the packages that the
# machine's Python has. NAMEs are fetched alone; without any, the project's own needs all come, which
# with NVIDIA's libraries are more than a gigabyte.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
export PIP_DISABLE_PIP_VERSION_CHECK=1

fetch() { # FOLDER VERSION [NAME ...]
    local folder=$1 version=$2 platforms=() glibc
    shift 2
    mkdir -p "$folder"
    "$python" -m pip wheel --quiet --no-deps -w "$folder" .
    for glibc in 17 27 28 31 34; do platforms+=(--platform "manylinux_2_${glibc}_x86_64"); done
    platforms+=(--platform manylinux2014_x86_64 --platform manylinux1_x86_64)
    local what=("$@") alone=(--no-deps)
    if [ $# -eq 0 ]; then
        what=("$(ls "$folder"/openmm_cgpack-*.whl)[cuda13]" pytest pytest-xdist hypothesis)
        alone=()
    fi
    "$python" -m pip download --quiet --only-binary=:all: --python-version "$version" \
        --implementation cp "${platforms[@]}" "${alone[@]}" -d "$folder" "${what[@]}"
    du -sh "$folder"
}

if [ "${1:-}" = wheels ]; then
    shift
    fetch "$@"
    exit
fi

platform=${PLATFORM:-CUDA}
seconds=$((60 * ${MINUTES:-8}))
case $platform in CUDA | HIP) size=${SIZE:-full} ;; *) size=${SIZE:-small} ;; esac

# CUDA 13 wants a driver from 580 on; older ones have CUDA 12.
extra=""
if [ "$platform" = CUDA ]; then
    driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1) || {
        echo "no NVIDIA driver answers here; rehearse with PLATFORM=OpenCL or PLATFORM=CPU" >&2
        exit 1
    }
    if [ "${driver%%.*}" -ge 580 ]; then extra="[cuda13]"; else extra="[cuda12]"; fi
    echo "driver $driver: openmm_cgpack$extra"
fi

venv=${VENV:-}
if [ -z "$venv" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    venv=$work/venv
    if [ -n "${WHEELS:-}" ]; then
        "$python" -m venv --system-site-packages "$venv"
        "$venv/bin/python" -m pip install --quiet --no-compile --no-index --no-deps "$WHEELS"/*.whl
    else
        "$python" -m venv "$venv"
        "$venv/bin/python" -m pip install --quiet --no-compile ".$extra" pytest pytest-xdist hypothesis
    fi
fi

# OpenMM's plugin looks for NVIDIA's libraries in its own environment alone.
libraries=$("$venv/bin/python" - <<'EOF'
import sys
from pathlib import Path

folders = [Path(entry, "nvidia") for entry in sys.path if entry]
print(":".join(str(lib) for top in folders for lib in sorted(top.glob("*/lib"))))
EOF
)
export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
unset OPENMM_DEFAULT_PLATFORM

small=()
[ "$size" = small ] && small=(--small)
"$venv/bin/python" benchmarks/gpu.py --platform "$platform" --only "${STEPS:-}" "${small[@]}" \
    --seconds $((seconds - SECONDS)) --out "${OUT:-docs/tables}/gpu.md"
