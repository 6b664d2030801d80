# The workbench as one image: packages by hash, no root, a health check.
FROM python:3.11-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 SPOTCHECK_HOME=/data SPOTCHECK_HOST=0.0.0.0
WORKDIR /app

COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY . .
RUN pip install --no-cache-dir "hatchling>=1.27" "editables>=0.5" \
 && pip install --no-cache-dir --no-deps --no-build-isolation . \
 && useradd --system --create-home --uid 10001 spotcheck \
 && install -d -o spotcheck -g spotcheck -m 0700 /data

USER spotcheck
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/readyz', timeout=4)"]
ENTRYPOINT ["spotcheck"]
CMD ["serve"]
