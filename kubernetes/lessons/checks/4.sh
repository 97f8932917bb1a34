# A pod whose search path completes mysql-0, besides what every pod's completes.
must_exist pod asker || return
address=$(field pod mysql-0 .status.podIP)
answer=$(kubectl exec asker -- getent ahosts mysql-0 2> /dev/null)
[[ -n $address && $answer == *"$address"* ]] || lacks "in the pod asker, getent finds no pod by the name mysql-0"
kubectl exec asker -- getent ahosts mysql-read > /dev/null 2>&1 || lacks "in the pod asker, getent does not find mysql-read"
is_done "in the pod asker, mysql-0 is $address"
