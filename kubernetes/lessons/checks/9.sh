# A budget that lets a drain take one of read-app's two pods.
must_be deployment read-app .status.readyReplicas 2
must_exist poddisruptionbudget read-app || return
must_be poddisruptionbudget read-app .status.expectedPods 2
must_be poddisruptionbudget read-app .status.disruptionsAllowed 1
is_done "a drain may take one of read-app's two pods at a time"
