# A StatefulSet, and the headless Service of its names.
must_exist service ckad-db && must_be service ckad-db .spec.clusterIP None
must_exist statefulset ckad-db || return
must_be statefulset ckad-db .spec.serviceName ckad-db
names=$(names_under ckad-db)
[[ $names == "ckad-db-0=ckad-db-0 ckad-db-1=ckad-db-1 ckad-db-2=ckad-db-2" ]] ||
  lacks "under ckad-db there must be the names of three ready pods; there are: ${names:-none}"
is_done "three pods have names under ckad-db"
