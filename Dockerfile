# wakeeper, lean: no shell tools beyond those of the base image. Dockerfile.session-enhanced adds the guide's debug
# commands.
#
#   docker build -t whatsapp-api:latest .
#
# Written in the subset that the legacy builder, BuildKit and Podman share.
ARG RUST_IMAGE=rust:1-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

# --- what the program runs in --------------------------------------------------------------------------------------
FROM ${BASE_IMAGE} AS runtime
# ffmpeg converts files for callers and is several times as large as everything else here, so it is there only when it is asked for:
#
#   docker build --build-arg EXTRA_PACKAGES=ffmpeg -t whatsapp-api:latest .
ARG EXTRA_PACKAGES=""
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates libcap2-bin tini ${EXTRA_PACKAGES} \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && groupadd --gid 10001 wakeeper \
 && useradd --uid 10001 --gid 10001 --home-dir /app --no-create-home --shell /bin/bash wakeeper \
 && mkdir -p /app/auth_info /app/session_backups /app/logs /usr/local/libexec \
 && chown -R 10001:10001 /app/auth_info /app/session_backups /app/logs \
 && chmod 0700 /app/auth_info /app/session_backups
WORKDIR /app
ENV DATA_DIR=/app HOST=0.0.0.0 PORT=8192
EXPOSE 8192
LABEL whatsapp.session.managed="true" \
      org.opencontainers.image.title="wakeeper" \
      org.opencontainers.image.description="Link once. Never scan again." \
      org.opencontainers.image.licenses="AGPL-3.0-only"
# Through the program itself: it says which check failed, and needs no curl.
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=6 CMD ["wakeeper", "healthcheck"]
# tini reaps what debug shells leave behind and passes SIGTERM on, so that a stop is a clean shutdown.
ENTRYPOINT ["/usr/bin/tini", "--", "wakeeper"]
CMD ["serve"]

# --- manifests alone, so that the layer of dependencies changes only when they do ------------------------------------
FROM ${RUST_IMAGE} AS manifests
WORKDIR /src
COPY . .
RUN mkdir /manifests \
 && find . -name Cargo.toml -exec cp --parents {} /manifests \; \
 && cp Cargo.lock /manifests/ \
 && cd /manifests \
 && for crate in bench crates/* tests xtask; do \
      mkdir -p "$crate/src" "$crate/src/bin" && : > "$crate/src/lib.rs" && echo 'fn main() {}' > "$crate/src/main.rs"; \
    done \
 && for path in $(grep -ho 'path = "[^"]*\.rs"' bench/Cargo.toml tests/Cargo.toml crates/*/Cargo.toml | cut -d'"' -f2); do \
      for crate in bench crates/* tests; do \
        if grep -q "path = \"$path\"" "$crate/Cargo.toml"; then \
          mkdir -p "$(dirname "$crate/$path")" && echo 'fn main() {}' > "$crate/$path"; \
        fi; \
      done; \
    done \
 && for crate in bench crates/* tests; do \
      for bench in $(sed -n '/^\[\[bench\]\]/,/^$/s/^name = "\(.*\)"/\1/p' "$crate/Cargo.toml"); do \
        mkdir -p "$crate/benches" && echo 'fn main() {}' > "$crate/benches/$bench.rs"; \
      done; \
    done

# --- the build -----------------------------------------------------------------------------------------------------
FROM ${RUST_IMAGE} AS build
# `demo` adds the simulator and refuses WhatsApp's real hosts; never set it for a real gateway.
ARG CARGO_FEATURES=""
ENV CARGO_INCREMENTAL=0
WORKDIR /src
COPY --from=manifests /manifests ./
RUN cargo build --release --locked --package wakeeper --package wakeeper-chown-mounts --features "${CARGO_FEATURES}"
COPY . .
# Copied files keep their times, which are older than the stand-ins that cargo just built.
RUN find crates -name '*.rs' -exec touch {} + \
 && cargo build --release --locked --package wakeeper --package wakeeper-chown-mounts --features "${CARGO_FEATURES}" \
 && mkdir /out && cp target/release/wakeeper target/release/wakeeper-chown-mounts LICENSE /out/

# --- the image -----------------------------------------------------------------------------------------------------
FROM runtime
COPY --from=build /out/wakeeper /usr/local/bin/wakeeper
COPY --from=build /out/wakeeper-chown-mounts /usr/local/libexec/wakeeper-chown-mounts
COPY --from=build /out/LICENSE /usr/share/doc/wakeeper/LICENSE
# The gateway never runs as root. Mounted folders that Docker made as root are given to its user by this one program,
# which has this one capability; docs/security.md says why, and how to do without.
# Its former name stays for compose files that were written before.
RUN setcap cap_chown+ep /usr/local/libexec/wakeeper-chown-mounts \
 && ln -s wakeeper-chown-mounts /usr/local/libexec/wakeeper-adopt
USER 10001:10001
