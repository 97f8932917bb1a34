# A headless Service for read-app's pods, at their own port.
must_exist service readers || return
must_be service readers .spec.clusterIP None
must_lead_to readers "$(pods app.kubernetes.io/name=read-app)"
must_have_ports readers 5000 5000
is_done "the name readers leads to $(pods_behind readers), at port 5000"
