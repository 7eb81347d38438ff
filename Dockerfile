# The page in a container, for hosts other than Spaces; see "Host" in README.md.
ARG PYTHON=python:3.12-slim
FROM ${PYTHON}

# Packages first: their layer stays while requirements.txt does. With PyTorch's index of CPU wheels it is much smaller.
ARG PIP_EXTRA_INDEX_URL
COPY requirements.txt /app/
RUN pip install --no-cache-dir --root-user-action=ignore -r /app/requirements.txt

COPY LICENSE app.py /app/
COPY t2i/ /app/t2i/
COPY weights/ /app/weights/

# Nothing is written but in /tmp, by whichever user: --read-only --tmpfs /tmp --user 12345 works, too.
RUN useradd --uid 1000 --home-dir /tmp --no-create-home t2i
USER 1000
WORKDIR /app
ENV HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONNOUSERSITE=1 \
    GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860
EXPOSE 7860

# As an exec form, so that SIGTERM reaches Python.
STOPSIGNAL SIGTERM
CMD ["python", "app.py"]

# An address that draws nothing, asked without a proxy.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD python -c "import http.client, os, sys; \
server = http.client.HTTPConnection('127.0.0.1', int(os.environ['GRADIO_SERVER_PORT']), timeout=4); \
server.request('GET', '/gradio_api/app_id'); \
sys.exit(server.getresponse().status != 200)"
