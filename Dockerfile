# syntax=docker/dockerfile:1
FROM debian:12-slim AS build
COPY scripts/install-deps.sh /src/scripts/
RUN apt-get update && /src/scripts/install-deps.sh build
COPY . /src
RUN cmake -S /src -B /build -DBUILD_TESTING=OFF -DCMAKE_INSTALL_PREFIX=/usr \
 && cmake --build /build -j "$(nproc)" \
 && cmake --install /build --strip

FROM debian:12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      libmicrohttpd12 libhiredis0.14 libevent-core-2.1-7 libevent-extra-2.1-7 libisal2 libyaml-0-2 \
      libcjson1 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/bin/redis_cluster_exporter /usr/bin/
COPY LICENSE /usr/share/doc/redis_cluster_exporter/
USER 65534:65534
EXPOSE 9121
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/redis_cluster_exporter"]
