#!/usr/bin/env bash
# Install Chromium and its driver from the Debian archive, unless both are there.
set -euo pipefail
if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
  exit 0
fi
fail() {
  echo "make browser-test needs Chromium and its driver: $1" >&2
  echo "On Debian: apt-get install chromium chromium-driver (as root)." >&2
  exit 1
}
command -v apt-get >/dev/null || fail "there is no apt-get here; install chromium and chromedriver."
[ "$(id -u)" = 0 ] || fail "installing them takes root."
apt-get update -qq || fail "apt-get update failed; is there a network?"
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  chromium chromium-driver >/dev/null || fail "apt-get could not install them."
