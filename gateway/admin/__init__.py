"""The second port: health, readiness, metrics. Served by the supervisor, never by a worker."""
