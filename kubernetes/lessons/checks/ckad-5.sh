# A rollout that failed, and was taken back without losing a pod.
must_exist deployment ckad-roll || return
must_be deployment ckad-roll .spec.strategy.rollingUpdate.maxUnavailable 0
must_be deployment ckad-roll .spec.strategy.rollingUpdate.maxSurge 1
must_be deployment ckad-roll '.spec.template.spec.containers[0].image' busybox:stable
must_be deployment ckad-roll .status.availableReplicas 3
revision=$(field deployment ckad-roll '.metadata.annotations.deployment\.kubernetes\.io/revision')
((${revision:-0} >= 3)) || lacks "the Deployment ckad-roll is at revision ${revision:-0}; an update and a way back make it 3"
is_done "the Deployment ckad-roll is back at busybox:stable, as revision $revision"
