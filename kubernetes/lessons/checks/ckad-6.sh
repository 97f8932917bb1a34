# A NetworkPolicy that admits one kind of pod to one port.
must_exist networkpolicy ckad-api || return
must_be networkpolicy ckad-api .spec.podSelector.matchLabels '{"app":"ckad-api"}'
must_be networkpolicy ckad-api '.spec.policyTypes[*]' Ingress
must_be networkpolicy ckad-api '.spec.ingress[0].from[*]' '{"podSelector":{"matchLabels":{"role":"frontend"}}}'
must_be networkpolicy ckad-api '.spec.ingress[0].ports[*].port' 8080
[[ -z $(field networkpolicy ckad-api '.spec.ingress[1]') ]] || lacks "the policy has a second rule, which admits more"
is_done "only pods with the label role=frontend may connect to port 8080 of ckad-api"
