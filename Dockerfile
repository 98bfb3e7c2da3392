# The image holds the interpreter, the hash-pinned dependencies and the wheel: no compiler, no pip, no source tree.
# Built from the lock files, so two builds of one commit install the same bytes.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
# The compiler stays in this stage: the wheel holds the hot modules compiled.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends gcc libc6-dev
COPY requirements.lock requirements-build.lock requirements-compile.lock ./
RUN python -m venv --without-pip /opt/sealgate \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes --no-deps -r requirements-build.lock \
 && /opt/build/bin/pip install --require-hashes --no-deps -r requirements-compile.lock \
 && /opt/build/bin/pip install --require-hashes --no-deps -r requirements.lock \
 && /opt/build/bin/pip --python /opt/sealgate/bin/python install --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY .ci/build_hook.py .ci/mypyc_build.py .ci/error_paths.h ./.ci/
COPY gateway ./gateway
COPY plugins ./plugins
# The training load by whose run the compiled modules are laid out (docs/decisions/0006).
COPY bench ./bench
RUN HATCH_BUILD_HOOK_ENABLE_CUSTOM=true SEALGATE_PROFILED=1 /opt/build/bin/hatchling build -t wheel -d /wheel \
 && /opt/build/bin/pip --python /opt/sealgate/bin/python install --no-deps --no-index /wheel/*.whl

FROM ${PYTHON_IMAGE}
RUN groupadd --system --gid 10001 sealgate \
 && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/sealgate --shell /usr/sbin/nologin sealgate \
 && install -d -o sealgate -g sealgate -m 0750 /var/lib/sealgate
COPY --from=build /opt/sealgate /opt/sealgate
# The root file system may be read-only; only the data folder is written to.
ENV PATH=/opt/sealgate/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SEALGATE_HOST=0.0.0.0 \
    SEALGATE_DATA_DIR=/var/lib/sealgate
USER 10001:10001
WORKDIR /var/lib/sealgate
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8081/healthz', timeout=2)"]
ENTRYPOINT ["sealgate"]
CMD ["serve"]
