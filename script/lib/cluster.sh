# shellcheck shell=bash
# Sourced after env.sh by the scripts that start a cluster, never run.

# Brings everything a cluster of test/e2e/support needs, builds the program, and says in environment variables where it
# all is. What it starts and writes belongs into the folder E2E_FOLDER, which goes away at the end unless E2E_KEEP=1.
# Fails, after saying why, if something cannot be had.
bring_cluster() {
  cd "$project_root" || return 1
  script/bootstrap --quiet >&2 && use_suitable_node || return 1
  if [[ "$(uname -s)" != Linux ]]; then
    echo 'error: a cluster can be started on Linux only' >&2
    return 1
  fi
  E2E_CONTROL_PLANE="$(script/control-plane)" || return 1
  E2E_CLUSTER_TOOLS="$(script/cluster-tools)" || return 1
  script/build >&2 || return 1
  E2E_PROGRAM="$project_root/dist/imc.js"
  E2E_FOLDER="$(mktemp -d -t imc-e2e.XXXXXX)" || return 1
  export E2E_CONTROL_PLANE E2E_CLUSTER_TOOLS E2E_PROGRAM E2E_FOLDER
  trap tidy_up_cluster EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  say "control plane: $("$E2E_CONTROL_PLANE/kube-apiserver" --version) from $E2E_CONTROL_PLANE"
}

tidy_up_cluster() {
  if [[ "${E2E_KEEP:-0}" == 1 ]]; then say "kept $E2E_FOLDER" >&2; else rm -rf "$E2E_FOLDER"; fi
}
