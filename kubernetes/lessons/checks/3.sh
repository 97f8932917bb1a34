# A Deployment of one pod, which alone has the name primary.lesson-3.
must_exist deployment lesson-3-primary || return
must_be deployment lesson-3-primary .spec.strategy.type Recreate
named=$(names_under lesson-3 | tr ' ' '\n' | sed -n 's/^primary=//p' | xargs)
case $named in
  '') lacks "no ready pod has the name primary.lesson-3: it needs a hostname, a subdomain, and a label that the Service lesson-3 selects" ;;
  *' '*) lacks "the name primary.lesson-3 leads to several pods: $named" ;;
  lesson-3-primary-*) ;;
  *) lacks "the name primary.lesson-3 leads to $named, and must lead to the pod of the Deployment lesson-3-primary" ;;
esac
is_done "the name primary.lesson-3 leads to $named"
