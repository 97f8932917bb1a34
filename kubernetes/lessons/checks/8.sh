# A StatefulSet whose claim names its class, and goes with the set.
must_exist statefulset scratch || return
class=$(field statefulset scratch '.spec.volumeClaimTemplates[0].spec.storageClassName')
[[ -n $class ]] || lacks "the claim's template in the StatefulSet scratch names no storageClassName"
must_be statefulset scratch .spec.persistentVolumeClaimRetentionPolicy.whenDeleted Delete
must_be statefulset scratch .spec.persistentVolumeClaimRetentionPolicy.whenScaled Retain
must_be persistentvolumeclaim data-scratch-0 .status.phase Bound
must_be pod scratch-0 '.status.containerStatuses[0].ready' true
is_done "data-scratch-0 has a volume of the class $class, and goes with the StatefulSet"
