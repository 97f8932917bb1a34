"""How gunicorn serves: in all as many threads as there are clients, and a line of log for each request, as the apps do."""

import os

bind = os.environ["LISTEN"]
workers = 4
threads = 4
keepalive = 75
accesslog = "-"
loglevel = "warning"
