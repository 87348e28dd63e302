# syntax=docker/dockerfile:1
# A trading process in a small image: no compiler, no pip cache, no root, no secret.
#   docker build -t cointrader .
#   docker run --rm cointrader paper
# Two stages: the first makes an environment from the locked, hashed versions; the second is only
# Python, that environment, and a user who owns nothing but its own folder.

FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_INPUT=1
WORKDIR /src
# What changes seldom comes first: the libraries are installed again only when the lock changes.
COPY requirements.lock ./
RUN python -m venv /opt/cointrader \
    && /opt/cointrader/bin/python -m pip install --no-compile --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
# Compiled once, here: nothing in the image is ever written, and a health check starts twice a minute.
RUN /opt/cointrader/bin/python -m pip install --no-compile --no-deps --no-build-isolation . \
    && /opt/cointrader/bin/python -m pip uninstall --yes pip hatchling \
    && /opt/cointrader/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/cointrader/lib

FROM python:3.12-slim-bookworm
LABEL org.opencontainers.image.title="cointrader" \
      org.opencontainers.image.description="A trading bot for Binance USD-M futures that tests what it runs" \
      org.opencontainers.image.licenses="MIT"
# Inside the clock is UTC, as in the journal. State: the lock of the account. Cache: compiled rules.
ENV PATH=/opt/cointrader/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TZ=UTC \
    XDG_STATE_HOME=/data/state \
    XDG_CACHE_HOME=/data/cache
RUN groupadd --gid 10001 cointrader \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin cointrader \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /opt/cointrader /opt/cointrader
# Journals, models, candles and cointrader.toml are here; everything else can be read-only.
WORKDIR /data
VOLUME ["/data"]
USER 10001:10001
STOPSIGNAL SIGTERM
# Healthy: a process holds the journal and its event loop answers.
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \
    CMD ["python", "-m", "cointrader.app.health_check"]
# The form without a shell: the process itself is asked to end, and leaves every stop in place.
ENTRYPOINT ["cointrader"]
CMD ["--help"]
