# A pod with all three kinds of probes.
must_exist pod ckad-probes || return
must_be pod ckad-probes '.spec.containers[0].readinessProbe.httpGet.path' /index.html
must_be pod ckad-probes '.spec.containers[0].readinessProbe.periodSeconds' 5
must_be pod ckad-probes '.spec.containers[0].livenessProbe.tcpSocket.port' 8080
must_be pod ckad-probes '.spec.containers[0].startupProbe.failureThreshold' 30
must_be pod ckad-probes '.status.containerStatuses[0].ready' true
is_done "the pod ckad-probes has three probes, and is ready"
