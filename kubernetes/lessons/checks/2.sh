# A StatefulSet whose pods are made at once, from number 3, with names under the Service lesson-2.
must_exist statefulset members || return
must_be statefulset members .spec.replicas 2
must_be statefulset members .spec.serviceName lesson-2
must_be statefulset members .spec.podManagementPolicy Parallel
names=" $(names_under lesson-2) "
for pod in members-3 members-4; do
  [[ $names == *" $pod=$pod "* ]] ||
    lacks "there is no name $pod.lesson-2: it needs a ready pod $pod that the Service lesson-2 selects"
done
is_done "the pods are known as members-3.lesson-2 and members-4.lesson-2"
