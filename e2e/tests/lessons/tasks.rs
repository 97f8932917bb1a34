//! What there is to know about each task, besides what its document prints.

/// A task, and answers that are wrong.
pub(crate) struct Task {
    /// What `kubernetes/lessons/check` calls it.
    pub(crate) number: &'static str,
    pub(crate) document: &'static str,
    pub(crate) heading: &'static str,
    /// What the lesson has made when the task begins.
    pub(crate) before: &'static str,
    /// What is missing before there is an answer.
    pub(crate) missing: &'static [&'static str],
    /// A part of the solution, what a learner may have instead, and what the check says then.
    pub(crate) wrong: &'static [(&'static str, &'static str, &'static str)],
    pub(crate) after: &'static str,
}

const TASK: Task = Task {
    number: "",
    document: "docs/lessons/ckad.md",
    heading: "Your turn",
    before: "",
    missing: &[],
    wrong: &[],
    after: "",
};

pub(crate) const LESSONS: [Task; 10] = [
    Task {
        number: "1",
        document: "docs/lessons/1-headless-service.md",
        missing: &["there is no service readers"],
        wrong: &[
            (" --cluster-ip=None", "", ".spec.clusterIP is "),
            (
                "--port=5000",
                "--port=80 --target-port=5000",
                ".spec.ports[0].port is 80, and must be 5000",
            ),
            (
                "--port=5000",
                "--port=5000 --target-port=80",
                "port 80 of its pods, and they listen at 5000",
            ),
        ],
        ..TASK
    },
    Task {
        number: "2",
        document: "docs/lessons/2-stable-names.md",
        before: "kubectl apply -f kubernetes/lessons/2
            kubectl scale statefulset ordered parallel --replicas=0",
        missing: &["there is no statefulset members"],
        wrong: &[
            (
                "serviceName: lesson-2",
                "serviceName: members",
                ".spec.serviceName is members, and must be lesson-2",
            ),
            ("        lesson: \"2\"\n", "", "there is no name members-4.lesson-2"),
            (
                "podManagementPolicy: Parallel",
                "podManagementPolicy: OrderedReady",
                "is OrderedReady, and must be Parallel",
            ),
        ],
        after: "kubectl delete -f kubernetes/lessons/2",
        ..TASK
    },
    Task {
        number: "3",
        document: "docs/lessons/3-deployment.md",
        before: "kubectl apply -f kubernetes/lessons/3",
        missing: &["there is no deployment lesson-3-primary"],
        wrong: &[
            ("      subdomain: lesson-3\n", "", "no ready pod has the name primary.lesson-3"),
            ("        lesson: \"3\"\n", "", "a label that the Service lesson-3 selects"),
            ("replicas: 1", "replicas: 2", "leads to several pods: lesson-3-primary-"),
            (
                "type: Recreate",
                "type: RollingUpdate",
                ".spec.strategy.type is RollingUpdate, and must be Recreate",
            ),
        ],
        after: "kubectl delete -f kubernetes/lessons/3",
        ..TASK
    },
    Task {
        number: "4",
        document: "docs/lessons/4-discovery.md",
        missing: &["there is no pod asker"],
        wrong: &[
            (
                "searches: [mysql.default",
                "searches: [mysql-read.default",
                "getent finds no pod by the name mysql-0",
            ),
            (
                "  dnsConfig:",
                "  dnsPolicy: None\n  dnsConfig:\n    nameservers: [192.0.2.1]\n    options: [{name: timeout, \
                    value: \"1\"}, {name: attempts, value: \"1\"}]",
                "getent does not find mysql-read",
            ),
        ],
        ..TASK
    },
    Task {
        number: "5",
        document: "docs/lessons/5-balancing.md",
        missing: &["there is no service mysql-sticky"],
        wrong: &[
            ("timeoutSeconds: 600", "timeoutSeconds: 6000", "is 6000, and must be 600"),
            (
                "sessionAffinity: ClientIP",
                "clusterIP: None\n  sessionAffinity: ClientIP",
                "mysql-sticky is headless",
            ),
            ("kubernetes.io/name: mysql", "kubernetes.io/name: read-app", "leads to read-app-"),
        ],
        ..TASK
    },
    Task {
        number: "6",
        document: "docs/lessons/6-nginx.md",
        before: "kubectl apply -f kubernetes/lessons/6/web.yaml
            kubectl run lesson-6-nginx --image=busybox:stable --labels=lesson=6,part=nginx -- \
                sleep infinity",
        missing: &["there is no service lesson-6-web"],
        wrong: &[
            (
                "      targetPort: 8080\n",
                "",
                "leads to port 80 of its pods, and they listen at 8080",
            ),
            ("spec:\n", "spec:\n  clusterIP: None\n", "lesson-6-web is headless"),
            ("    part: web\n", "", "leads to lesson-6-0 lesson-6-1 lesson-6-nginx"),
        ],
        after: "kubectl delete -f kubernetes/lessons/6/web.yaml
            kubectl delete pod lesson-6-nginx --now",
        ..TASK
    },
    Task {
        number: "7",
        document: "docs/lessons/7-primary-and-replicas.md",
        missing: &["there is no service mysql-primary"],
        wrong: &[
            (
                "statefulset.kubernetes.io/pod-name: mysql-0",
                "app.kubernetes.io/name: mysql",
                "leads to mysql-0 mysql-1, and must lead to mysql-0",
            ),
            (
                "pod-name: mysql-0",
                "pod-name: mysql-1",
                "leads to mysql-1, and must lead to mysql-0",
            ),
        ],
        ..TASK
    },
    Task {
        number: "8",
        document: "docs/lessons/8-storage.md",
        missing: &["there is no statefulset scratch"],
        wrong: &[
            ("        storageClassName: standard\n", "", "names no storageClassName"),
            (
                "storageClassName: standard",
                "storageClassName: no-such-class",
                "data-scratch-0: .status.phase is Pending",
            ),
            (
                "whenDeleted: Delete",
                "whenDeleted: Delete\n    whenScaled: Delete",
                "whenScaled is Delete, and must be Retain",
            ),
        ],
        ..TASK
    },
    Task {
        number: "9",
        document: "docs/lessons/9-scaling-and-draining.md",
        missing: &["must be 2", "there is no poddisruptionbudget read-app"],
        wrong: &[
            ("--replicas=2", "--replicas=1", ".status.readyReplicas is 1, and must be 2"),
            (
                "--min-available=1",
                "--min-available=2",
                ".status.disruptionsAllowed is 0, and must be 1",
            ),
            ("name=read-app ", "name=read ", ".status.expectedPods is 0, and must be 2"),
        ],
        ..TASK
    },
    Task {
        number: "10",
        document: "docs/lessons/10-production.md",
        missing: &[".status.readyReplicas is not set", "leads to no ready pod"],
        wrong: &[
            (
                "\"value\":8080",
                "\"value\":8000",
                "leads to port 8000 of its pods, and they listen at 8080",
            ),
            (
                "\"lesson\":\"10\"",
                "\"app.kubernetes.io/name\":\"mysql\"",
                "leads to mysql-0 mysql-1, and must lead to lesson-10-",
            ),
        ],
        ..TASK
    },
];

pub(crate) const CKAD: [Task; 6] = [
    Task {
        number: "ckad-1",
        heading: "1. Two Services for one Deployment",
        missing: &["there is no service ckad-web", "there is no service ckad-web-pods"],
        wrong: &[
            (" --target-port=8080", "", "leads to port 80 of its pods, and they listen at 8080"),
            ("--cluster-ip=None --port=8080", "--cluster-ip=None --port=80", "must be 8080"),
        ],
        ..TASK
    },
    Task {
        number: "ckad-2",
        heading: "2. A StatefulSet with names",
        missing: &["there is no service ckad-db", "there is no statefulset ckad-db"],
        wrong: &[("serviceName: ckad-db", "serviceName: other", "there are: none")],
        ..TASK
    },
    Task {
        number: "ckad-3",
        heading: "3. A claim, and a pod that writes to it",
        missing: &["there is no persistentvolumeclaim ckad-data", "there is no pod ckad-writer"],
        wrong: &[
            ("runAsUser: 1000", "runAsUser: 1001", "does not run as the user 1000"),
            ("echo done > /data/state", "echo do > /data/state", "does not say done"),
        ],
        ..TASK
    },
    Task {
        number: "ckad-4",
        heading: "4. Three probes",
        missing: &["there is no pod ckad-probes"],
        wrong: &[
            ("        periodSeconds: 5\n", "", "periodSeconds is 10, and must be 5"),
            ("path: /index.html", "path: /", "httpGet.path is /, and must be /index.html"),
        ],
        ..TASK
    },
    Task {
        number: "ckad-5",
        heading: "5. An update that fails, and the way back",
        missing: &["maxUnavailable is 25%, and must be 0", "is at revision 1"],
        wrong: &[("kubectl rollout undo deployment/ckad-roll\n", "", "is busybox:no-such-tag")],
        ..TASK
    },
    Task {
        number: "ckad-6",
        heading: "6. Who may connect",
        missing: &["there is no networkpolicy ckad-api"],
        wrong: &[
            ("[Ingress]", "[Ingress, Egress]", ".spec.policyTypes[*] is Ingress Egress"),
            ("      ports:", "    - ports:", "the policy has a second rule"),
        ],
        ..TASK
    },
];
