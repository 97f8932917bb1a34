# A claim, and a pod that writes to it and is not root.
must_exist persistentvolumeclaim ckad-data &&
  must_be persistentvolumeclaim ckad-data .spec.resources.requests.storage 100Mi
must_exist pod ckad-writer || return
must_be pod ckad-writer '.spec.volumes[?(@.persistentVolumeClaim)].persistentVolumeClaim.claimName' ckad-data
[[ $(kubectl exec ckad-writer -- id -u 2> /dev/null) == 1000 ]] || lacks "the pod ckad-writer does not run as the user 1000"
[[ $(kubectl exec ckad-writer -- cat /data/state 2> /dev/null) == "done" ]] ||
  lacks "the file /data/state in the pod ckad-writer does not say done"
is_done "the user 1000 of ckad-writer has written to the claim ckad-data"
