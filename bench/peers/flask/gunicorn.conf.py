"""gunicorn has one thread for each of the 16 clients, and writes one log line for each request, as the apps do."""

import os

bind = os.environ["LISTEN"]
workers = 4
threads = 4
keepalive = 75
accesslog = "-"
loglevel = "warning"
