#!/bin/sh
# Makes .venv with everything in uv.lock, on a machine that has nothing but some Python; instant when nothing is to do.
#
# Wanted: a Python 3.13, wherever it hides, else one that uv fetches; and a uv that runs, else one of our own in .tools.
# A name on PATH proves nothing: it may be a version manager's shim for a version that is not installed.
set -u
cd "$(dirname "$0")/.." || exit 1
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH UV_PYTHON UV_NO_DEV UV_PROJECT CONDA_PREFIX

UV_VERSION=0.13.8
STAMP=.venv/.installed
LOG=.tools/bootstrap.log

is_done() {
    [ -e "$STAMP" ] && [ -z "$(find uv.lock pyproject.toml -newer "$STAMP")" ] && is_313 .venv/bin/python
}

is_313() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1
}

fail() {
    echo "setup failed: $1" >&2
    exit 1
}

find_313() {
    for candidate in python3.13 python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3 "$HOME"/.pyenv/versions/3.13*/bin/python3 \
        /usr/local/bin/python3.13 /usr/bin/python3.13 /opt/homebrew/bin/python3.13; do
        if is_313 "$candidate"; then
            # The interpreter itself, not a shim or an environment that may be gone tomorrow.
            "$candidate" -c 'import sys; print(getattr(sys, "_base_executable", None) or sys.executable)'
            return
        fi
    done
}

private_uv() {
    [ "$(.tools/uv/bin/uv --version 2>/dev/null | cut -d' ' -f2)" = "$UV_VERSION" ] && return
    for python in "$PYTHON" python3 python "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1 || continue
        rm -rf .tools/uv
        # Debian's Python may lack ensurepip, another one pip.
        "$python" -m venv .tools/uv && .tools/uv/bin/python -m pip install -q "uv==$UV_VERSION" && return
        rm -rf .tools/uv
        "$python" -m pip install -q --target .tools/uv "uv==$UV_VERSION" && return
    done >>"$LOG" 2>&1
    return 1
}

sync_with() {
    # Compiled now, or each of the five processes compiles all of Django again where Python may not write bytecode.
    UV_COMPILE_BYTECODE=1 UV_PROJECT_ENVIRONMENT=.venv "$1" sync --frozen --python "${PYTHON:-3.13}" >>"$LOG" 2>&1
}

is_done && exit 0
echo "Installing what uv.lock names into .venv (only when it has changed) ..."
mkdir -p .tools && : >"$LOG" || fail "cannot write to $(pwd)"
PYTHON=$(find_313)
if ! { uv --version >/dev/null 2>&1 && sync_with uv; }; then
    private_uv || fail "no Python with a working pip could install uv==$UV_VERSION; install uv (or pip) yourself; see $LOG"
    sync_with .tools/uv/bin/uv || {
        cause=$(grep -v '^ *$' "$LOG" | tail -n 1)
        [ -n "$PYTHON" ] || cause="no Python 3.13 found and none could be fetched; install one ($cause)"
        fail "$cause; see $LOG"
    }
fi
touch "$STAMP"
