# shellcheck shell=bash
# Sourced by the scripts beside it, never run: puts a Node.js that can run this project first in PATH.
#
# Gives them: project_root, and the functions below. Expects: bash with `set -euo pipefail`.

project_root="$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)"
brought_node_bin="$project_root/tools/node/node_modules/.bin"

# Says in one line what a script is doing. Coloured on a terminal only, and never when NO_COLOR is set.
say() {
  if [[ -t 1 && -z "${NO_COLOR:-}" && "${TERM:-}" != dumb ]]; then
    printf '\033[36m==>\033[0m %s\n' "$*"
  else
    printf '==> %s\n' "$*"
  fi
}

# Ends the script with one line that tells what to do.
fail() {
  if [[ -t 2 && -z "${NO_COLOR:-}" && "${TERM:-}" != dumb ]]; then
    printf '\033[31merror:\033[0m %s\n' "$*" >&2
  else
    printf 'error: %s\n' "$*" >&2
  fi
  exit 1
}

# True for the version text of a Node.js we can run on: 22.19 and later, long-term-support lines only, because some of
# the locked packages refuse 23 and 25.
is_suitable_node() {
  local major minor
  IFS=. read -r major minor _ <<<"${1#v}"
  [[ "$major" =~ ^[0-9]+$ && "$minor" =~ ^[0-9]+$ ]] || return 1
  ((major % 2 == 0)) || return 1
  ((major > 22 || (major == 22 && minor >= 19)))
}

# Puts a suitable Node.js first in PATH: the one that is there already, else the one script/bootstrap brought.
# Fails when there is neither.
use_suitable_node() {
  is_suitable_node "$(node --version 2>/dev/null || true)" && return 0
  is_suitable_node "$("$brought_node_bin/node" --version 2>/dev/null || true)" || return 1
  export PATH="$brought_node_bin:$PATH"
}

# Where what is large and fetched or built once is kept: outside the checkout, so that all checkouts share it. The
# environment variable IMAGECACHE_WEBHOOK_CACHE names another folder.
cache_folder() {
  printf '%s\n' "${IMAGECACHE_WEBHOOK_CACHE:-${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/eci-imagecache-webhook}"
}
