# A Service that had three faults.
must_exist service lesson-10 || return
must_be deployment lesson-10 .status.readyReplicas 2
must_lead_to lesson-10 "$(pods lesson=10)"
must_have_ports lesson-10 80 8080
is_done "lesson-10 leads to $(pods_behind lesson-10), at port 8080"
