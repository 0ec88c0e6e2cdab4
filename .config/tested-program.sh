#!/bin/sh
# Run by nextest before the end-to-end tests: builds the program that they start, and tells them where it is. So a test
# never runs a program that is older than the source.
set -eu
if [ -n "${WAKEEPER_BIN:-}" ]; then
    echo "the tests run $WAKEEPER_BIN, as WAKEEPER_BIN says"
    exit 0
fi
# With the features that a run of the whole workspace has, the test target's among them: nothing is compiled twice.
programs=$(cargo build --workspace --features wakeeper/demo --bin wakeeper --bin wakeeper-chown-mounts --test e2e \
    --message-format json-render-diagnostics)
program=$(printf '%s\n' "$programs" | sed -n 's/.*"executable":"\([^"]*\/wakeeper\)".*/\1/p')
echo "WAKEEPER_BIN=$program" >>"$NEXTEST_ENV"
