# syntax=docker/dockerfile:1
# The release of Debian that both stages are from; a build that has to be repeatable pins it:
#   docker build --build-arg BASE=debian:13-slim@sha256:... .
ARG BASE=debian:13-slim

FROM ${BASE} AS build
COPY scripts/install-deps.sh /src/scripts/
RUN apt-get update && /src/scripts/install-deps.sh build
COPY . /src
ARG REVISION=unknown
RUN cmake -S /src -B /build -DBUILD_TESTING=OFF -DCMAKE_INSTALL_PREFIX=/usr -DREVISION="${REVISION}" \
 && cmake --build /build -j "$(nproc)" \
 && cmake --install /build --component program --strip

FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates libcjson1 libcrypt1 libevent-core-2.1-7t64 libevent-extra-2.1-7t64 \
      libgnutls30t64 libhiredis1.1.0 libisal2 libmicrohttpd12t64 libssl3t64 libyaml-0-2 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/bin/redis_cluster_exporter /usr/bin/
COPY LICENSE /usr/share/doc/redis_cluster_exporter/

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="redis_cluster_exporter" \
      org.opencontainers.image.description="Prometheus exporter for Redis Cluster and Valkey Cluster" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="https://github.com/redis-cluster-exporter/redis_cluster_exporter" \
      org.opencontainers.image.documentation="https://github.com/redis-cluster-exporter/redis_cluster_exporter/blob/main/README.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/debian:13-slim"

# Nobody. It writes nothing: docker run --read-only works.
USER 65534:65534
EXPOSE 9121
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s --retries=3 \
    CMD ["/usr/bin/redis_cluster_exporter", "--healthcheck"]
ENTRYPOINT ["/usr/bin/redis_cluster_exporter"]
