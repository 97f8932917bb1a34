//! Clusters that allow less, or give something else, than this one: what they would do to the pods is done here.

use serde_json::{Value, json};

use crate::{
    deployment::deployment,
    kubectl::{kubectl, timeout, try_kubectl, try_kubectl_with_input, until},
    registration::new_email,
    troubleshooting::quoted,
};

/// A namespace beside that of the other tests, which also enforces Pod Security "restricted".
pub(crate) struct Namespace(String);

impl Namespace {
    pub(crate) fn create(name: &str) -> Self {
        kubectl(&["delete", "namespace", name, "--ignore-not-found", &timeout()]);
        kubectl(&["create", "namespace", name]);
        kubectl(&["label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"]);
        Self(name.to_owned())
    }

    pub(crate) fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        try_kubectl(&[arguments, &["--namespace", &self.0]].concat())
    }

    pub(crate) fn apply(&self, objects: &[Value]) {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        let apply = ["apply", "--filename=-", "--namespace", &self.0];
        try_kubectl_with_input(&apply, &list.to_string()).unwrap();
    }

    /// Waits until all pods run, and checks that a user who registers is on both MySQL pods.
    fn assert_works(&self) {
        for workload in ["statefulset/mysql", "deployment/write-app", "deployment/read-app"] {
            self.try_kubectl(&["rollout", "status", workload, &timeout()]).unwrap();
        }
        let email = new_email();
        let body = json!({ "name": "Ada", "email": email }).to_string();
        let json = ["--header", "content-type: application/json", "--data", &body];
        let post = ["curl", "--silent", "http://write-app-service/submit"];
        until("a registration", || {
            let said = self.exec("mysql-0", &[&post[..], &json[..]].concat())?;
            // The answer to an earlier attempt was lost.
            let is_there = [r#""success":true"#, "already_registered"];
            if is_there.iter().any(|text| said.contains(text)) { Ok(()) } else { Err(said) }
        });
        for pod in ["mysql-0", "mysql-1"] {
            until(&format!("the user on {pod}"), || {
                let sql = format!("SELECT name FROM userdb.users WHERE email = '{email}'");
                let said = self.exec(pod, &["mysql", "-uroot", "-N", "-e", &sql])?;
                if said == "Ada" { Ok(()) } else { Err(said) }
            });
        }
    }

    fn exec(&self, pod: &str, command: &[&str]) -> Result<String, String> {
        try_kubectl(&[&["exec", "--namespace", &self.0, pod, "--"], command].concat())
    }

    /// First the pods: a namespace that still has some goes a minute after the last of them.
    pub(crate) fn delete(self) {
        self.try_kubectl(&["delete", "statefulsets,deployments,pods", "--all", &timeout()])
            .unwrap();
        kubectl(&["delete", "namespace", &self.0, "--wait=false"]);
    }
}

/// The objects of a folder, as `kubectl apply -k` sends them, at any free NodePorts: the usual ones are taken.
pub(crate) fn objects(folder: &str) -> Vec<Value> {
    let folder = format!("{}/../{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut objects: Vec<Value> =
        serde_saphyr::from_multiple(&kubectl(&["kustomize", &folder])).unwrap();
    for port in objects.iter_mut().filter_map(|one| one.pointer_mut("/spec/ports/0")) {
        port.as_object_mut().unwrap().remove("nodePort");
    }
    objects
}

/// The pods' security contexts in these objects.
fn security_contexts(objects: &mut [Value]) -> Vec<&mut Value> {
    let of_pods = "/spec/template/spec/securityContext";
    objects.iter_mut().filter_map(|one| one.pointer_mut(of_pods)).collect()
}

#[test]
fn all_pods_run_with_the_ids_that_openshift_gives_them() {
    let _turn = deployment();
    let namespace = Namespace::create("headless-demo-openshift");
    let mut objects = objects("overlays/openshift");
    let contexts = security_contexts(&mut objects);
    assert_eq!(contexts.len(), 3);
    for context in contexts {
        assert!(context.get("runAsUser").or(context.get("fsGroup")).is_none(), "{context}");
        // As the admission of restricted-v2 does: ids from the project's range, and the group of a user that
        // no image knows, 0.
        context["runAsUser"] = json!(1_000_680_000);
        context["fsGroup"] = json!(1_000_680_000);
    }

    namespace.apply(&objects);

    namespace.assert_works();
    let user = namespace.exec("mysql-1", &["bash", "-c", "id -u; id -G"]).unwrap();
    assert_eq!(user, "1000680000\n0 1000680000");
    namespace.delete();
}

#[test]
fn a_quota_on_cpu_limits_refuses_the_pods_and_admits_those_of_the_overlay() {
    let _turn = deployment();
    let namespace = Namespace::create("headless-demo-limits");
    namespace.apply(&[
        json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "of-the-class" },
            "spec": { "hard": { "requests.cpu": "350m", "requests.memory": "816Mi",
                "limits.cpu": "3500m", "limits.memory": "1216Mi" } } }),
        json!({ "apiVersion": "v1", "kind": "LimitRange", "metadata": { "name": "of-the-class" },
            "spec": { "limits": [{ "type": "Container",
                "max": { "memory": "512Mi" }, "min": { "cpu": "50m", "memory": "16Mi" } }] } }),
    ]);

    namespace.apply(&objects("kubernetes"));
    quoted("must specify limits.cpu for: mysql");
    until("the quota to refuse all pods", || {
        let messages = "--output=jsonpath={.items[*].message}";
        let said = namespace.try_kubectl(&["get", "events", messages])?;
        let refused = ["mysql", "write-app", "read-app"].into_iter().all(|container| {
            let reason =
                format!("failed quota: of-the-class: must specify limits.cpu for: {container}");
            said.contains(&reason)
        });
        if refused { Ok(()) } else { Err(said) }
    });
    namespace.apply(&objects("overlays/limits"));

    namespace.assert_works();
    namespace.delete();
}

#[test]
fn a_volume_that_root_owns_is_named_as_the_reason() {
    let _turn = deployment();
    let namespace = Namespace::create("headless-demo-volume");
    // As minikube makes it on a second node: a folder that the kubelet makes, and does not give to fsGroup.
    let class = "headless-demo-root-owned";
    let volume = json!({ "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": class },
        "spec": { "storageClassName": class, "capacity": { "storage": "3Gi" },
            "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": { "path": format!("/tmp/{class}"), "type": "DirectoryOrCreate" } } });
    let mut objects = objects("kubernetes");
    let stateful_set = objects.iter_mut().find(|one| one["kind"] == "StatefulSet").unwrap();
    stateful_set["spec"]["replicas"] = json!(1);
    stateful_set["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = json!(class);
    objects.push(volume);

    namespace.apply(&objects);
    quoted(
        "cannot write to /var/lib/mysql: it belongs to 0:0 with mode 755, and this process is user 999",
    );

    let reason = "cannot write to /var/lib/mysql: it belongs to 0:0 with mode 755, and this process is user 999 \
        in groups 999.";
    until("the reason in the pod's status", || {
        let path =
            "jsonpath={.status.containerStatuses[0]['state','lastState'].terminated.message}";
        let said = namespace.try_kubectl(&["get", "pod", "mysql-0", "--output", path])?;
        if said.contains(reason) { Ok(()) } else { Err(said) }
    });
    namespace.delete();
    kubectl(&["delete", "persistentvolume", class]);
}
