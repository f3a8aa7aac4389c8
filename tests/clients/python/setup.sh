#!/usr/bin/env bash
# Makes .venv with requirements.txt in it. Does nothing when that has been done already.
set -euo pipefail
cd "$(dirname "$0")"

stamp=.venv/requirements.sha256
if sha256sum --check --status "$stamp" 2>/dev/null; then
    exit 0
fi
python3 -m venv --clear .venv
.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt
sha256sum requirements.txt >"$stamp"
