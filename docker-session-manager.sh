#!/bin/sh
# Session management for a WhatsApp gateway in Docker: finds the wakeeper program and hands everything to it.
#
#   ./docker-session-manager.sh health|clean|start|stop|restart|status|logs|exec|backup|restore [...]
#
# CONTAINER_NAME names the container (default: whatsapp-api), as does --container NAME after the command.
# WAKEEPER names the program, WAKEEPER_IMAGE the image to run it out of when it is not installed.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
CONTAINER_NAME=${CONTAINER_NAME:-whatsapp-api}
export CONTAINER_NAME

if [ $# -eq 0 ] || [ "$1" = "-h" ] || [ "$1" = "--help" ] || [ "$1" = "help" ]; then
  cat <<'USAGE'
Usage: ./docker-session-manager.sh COMMAND [OPTIONS]

  health (check)   examine the session, its container and its backups; changes nothing
  clean            repair what is corrupted, after a verified backup; --dry-run, --stale, --all
  start            start the container or its compose project, and wait until it is healthy
  stop             stop it gracefully
  restart          stop, start, wait
  status           container, health, ports, session, last log lines
  logs             follow the log; --tail N, --since 1h, --no-follow
  exec COMMAND     run a command in the container
  backup           create, list, verify, prune
  restore          give back what a backup holds

COMMAND --help says more. The container: --container NAME or CONTAINER_NAME (default: whatsapp-api).
USAGE
  [ $# -gt 0 ] && exit 0
  exit 2
fi

if [ -n "${WAKEEPER:-}" ]; then
  exec "$WAKEEPER" "$@"
fi
if command -v wakeeper >/dev/null 2>&1; then
  exec wakeeper "$@"
fi
for built in "$here/target/release/wakeeper" "$here/target/debug/wakeeper"; do
  if [ -x "$built" ]; then
    exec "$built" "$@"
  fi
done

# Not installed: out of the image, with the engine's socket and this folder under its own path.
if ! command -v docker >/dev/null 2>&1; then
  echo "error: neither wakeeper nor docker is installed; install Docker, or build wakeeper with: cargo build --release" >&2
  exit 1
fi
image=${WAKEEPER_IMAGE:-}
for candidate in whatsapp-api:session-enhanced whatsapp-api:latest; do
  [ -n "$image" ] && break
  if docker image inspect "$candidate" >/dev/null 2>&1; then
    image=$candidate
  fi
done
if [ -z "$image" ]; then
  echo "error: wakeeper is not installed and its image is not built; build one of them:" >&2
  echo "  docker build -f Dockerfile.session-enhanced -t whatsapp-api:session-enhanced ." >&2
  echo "  cargo build --release" >&2
  exit 1
fi
case ${DOCKER_HOST:-} in
  unix://*) socket=${DOCKER_HOST#unix://} ;;
  *) socket=/var/run/docker.sock ;;
esac
terminal=-i
if [ -t 0 ] && [ -t 1 ]; then
  terminal=-it
fi
exec docker run --rm $terminal --user 0:0 --network none --entrypoint wakeeper \
  -v "$socket:/var/run/docker.sock" -v "$PWD:$PWD" -w "$PWD" \
  -e DATA_DIR=. -e CONTAINER_NAME -e TERM -e NO_COLOR -e BACKUP_PASSPHRASE \
  -e COMPOSE_PROJECT_NAME --label whatsapp.session.managed=false "$image" "$@"
