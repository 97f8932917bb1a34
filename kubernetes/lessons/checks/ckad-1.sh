# Two Services for one Deployment.
if must_exist service ckad-web; then
  must_be service ckad-web .spec.type NodePort
  must_lead_to ckad-web "$(pods app=ckad-web)"
  must_have_ports ckad-web 80 8080
fi
if must_exist service ckad-web-pods; then
  must_be service ckad-web-pods .spec.clusterIP None
  must_lead_to ckad-web-pods "$(pods app=ckad-web)"
  must_have_ports ckad-web-pods 8080 8080
fi
is_done "both Services lead to $(pods app=ckad-web)"
