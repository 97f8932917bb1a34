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
    pub(crate) wrong: &'static [Wrong],
    pub(crate) after: &'static str,
}

/// The solution with some faults, and what the check says of them.
pub(crate) struct Wrong {
    /// A part of the solution, and what a learner may have instead.
    pub(crate) faults: &'static [(&'static str, &'static str)],
    pub(crate) says: &'static [&'static str],
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
        wrong: &[Wrong {
            faults: &[(" --cluster-ip=None", ""), ("--port=5000", "--port=80")],
            says: &[
                ".spec.clusterIP is ",
                ".spec.ports[0].port is 80, and must be 5000",
                "leads to port 80 of its pods, and they listen at 5000",
            ],
        }],
        ..TASK
    },
    Task {
        number: "2",
        document: "docs/lessons/2-stable-names.md",
        before: "kubectl apply -f kubernetes/lessons/2
            kubectl scale statefulset ordered parallel --replicas=0",
        missing: &["there is no statefulset members"],
        wrong: &[Wrong {
            faults: &[
                ("serviceName: lesson-2", "serviceName: members"),
                ("podManagementPolicy: Parallel", "podManagementPolicy: OrderedReady"),
            ],
            says: &[
                ".spec.serviceName is members, and must be lesson-2",
                ".spec.podManagementPolicy is OrderedReady, and must be Parallel",
                "there is no name members-3.lesson-2",
                "there is no name members-4.lesson-2",
            ],
        }],
        after: "kubectl delete -f kubernetes/lessons/2",
        ..TASK
    },
    Task {
        number: "3",
        document: "docs/lessons/3-deployment.md",
        before: "kubectl apply -f kubernetes/lessons/3",
        missing: &["there is no deployment lesson-3-primary"],
        wrong: &[
            Wrong {
                faults: &[("      subdomain: lesson-3\n", ""), ("Recreate", "RollingUpdate")],
                says: &[
                    "no ready pod has the name primary.lesson-3",
                    ".spec.strategy.type is RollingUpdate, and must be Recreate",
                ],
            },
            Wrong {
                faults: &[("replicas: 1", "replicas: 2")],
                says: &["leads to several pods: lesson-3-primary-"],
            },
        ],
        after: "kubectl delete -f kubernetes/lessons/3",
        ..TASK
    },
    Task {
        number: "4",
        document: "docs/lessons/4-discovery.md",
        missing: &["there is no pod asker"],
        wrong: &[Wrong {
            faults: &[(
                "  dnsConfig:",
                "  dnsPolicy: None\n  dnsConfig:\n    nameservers: [192.0.2.1]\n    options: \
                    [{name: timeout, value: \"1\"}, {name: attempts, value: \"1\"}]",
            )],
            says: &["getent finds no pod by the name mysql-0", "getent does not find mysql-read"],
        }],
        ..TASK
    },
    Task {
        number: "5",
        document: "docs/lessons/5-balancing.md",
        missing: &["there is no service mysql-sticky"],
        wrong: &[Wrong {
            faults: &[
                ("timeoutSeconds: 600", "timeoutSeconds: 6000"),
                ("sessionAffinity: ClientIP", "clusterIP: None\n  sessionAffinity: ClientIP"),
                ("kubernetes.io/name: mysql", "kubernetes.io/name: read-app"),
            ],
            says: &["is 6000, and must be 600", "mysql-sticky is headless", "leads to read-app-"],
        }],
        ..TASK
    },
    Task {
        number: "6",
        document: "docs/lessons/6-nginx.md",
        before: "kubectl apply -f kubernetes/lessons/6/web.yaml
            kubectl run lesson-6-nginx --image=busybox:stable --labels=lesson=6,part=nginx -- \
                sleep infinity",
        missing: &["there is no service lesson-6-web"],
        wrong: &[Wrong {
            faults: &[
                ("spec:\n", "spec:\n  clusterIP: None\n"),
                ("    part: web\n", ""),
                ("      targetPort: 8080\n", ""),
            ],
            says: &[
                "lesson-6-web is headless",
                "leads to lesson-6-0 lesson-6-1 lesson-6-nginx",
                "leads to port 80 of its pods, and they listen at 8080",
            ],
        }],
        after: "kubectl delete -f kubernetes/lessons/6/web.yaml
            kubectl delete pod lesson-6-nginx --now",
        ..TASK
    },
    Task {
        number: "7",
        document: "docs/lessons/7-primary-and-replicas.md",
        missing: &["there is no service mysql-primary"],
        wrong: &[Wrong {
            faults: &[(
                "statefulset.kubernetes.io/pod-name: mysql-0",
                "app.kubernetes.io/name: mysql",
            )],
            says: &["leads to mysql-0 mysql-1, and must lead to mysql-0"],
        }],
        ..TASK
    },
    Task {
        number: "8",
        document: "docs/lessons/8-storage.md",
        missing: &["there is no statefulset scratch"],
        wrong: &[Wrong {
            faults: &[
                ("        storageClassName: standard\n", ""),
                ("whenDeleted: Delete", "whenDeleted: Delete\n    whenScaled: Delete"),
            ],
            says: &["names no storageClassName", "whenScaled is Delete, and must be Retain"],
        }],
        ..TASK
    },
    Task {
        number: "9",
        document: "docs/lessons/9-scaling-and-draining.md",
        missing: &[".status.readyReplicas is 1", "there is no poddisruptionbudget read-app"],
        wrong: &[
            Wrong {
                faults: &[("--replicas=2", "--replicas=1"), ("name=read-app ", "name=read ")],
                says: &[
                    ".status.readyReplicas is 1, and must be 2",
                    ".status.expectedPods is 0, and must be 2",
                ],
            },
            Wrong {
                faults: &[("--min-available=1", "--min-available=2")],
                says: &[".status.disruptionsAllowed is 0, and must be 1"],
            },
        ],
        ..TASK
    },
    Task {
        number: "10",
        document: "docs/lessons/10-production.md",
        missing: &[".status.readyReplicas is not set", "leads to no ready pod"],
        wrong: &[Wrong {
            faults: &[
                ("\"lesson\":\"10\"", "\"app.kubernetes.io/name\":\"mysql\""),
                ("\"value\":8080", "\"value\":8000"),
            ],
            says: &[
                "leads to mysql-0 mysql-1, and must lead to lesson-10-",
                "leads to port 8000 of its pods, and they listen at 8080",
            ],
        }],
        ..TASK
    },
];

pub(crate) const CKAD: [Task; 6] = [
    Task {
        number: "ckad-1",
        heading: "1. Two Services for one Deployment",
        missing: &["there is no service ckad-web", "there is no service ckad-web-pods"],
        wrong: &[Wrong {
            faults: &[(" --target-port=8080", ""), ("None --port=8080", "None --port=80")],
            says: &[
                "Service ckad-web leads to port 80 of its pods, and they listen at 8080",
                "service ckad-web-pods: .spec.ports[0].port is 80, and must be 8080",
            ],
        }],
        ..TASK
    },
    Task {
        number: "ckad-2",
        heading: "2. A StatefulSet with names",
        missing: &["there is no service ckad-db", "there is no statefulset ckad-db"],
        wrong: &[Wrong {
            faults: &[("serviceName: ckad-db", "serviceName: other")],
            says: &[".spec.serviceName is other", "there are: none"],
        }],
        ..TASK
    },
    Task {
        number: "ckad-3",
        heading: "3. A claim, and a pod that writes to it",
        missing: &["there is no persistentvolumeclaim ckad-data", "there is no pod ckad-writer"],
        wrong: &[Wrong {
            faults: &[("runAsUser: 1000", "runAsUser: 1001"), ("echo done", "echo do")],
            says: &["does not run as the user 1000", "does not say done"],
        }],
        ..TASK
    },
    Task {
        number: "ckad-4",
        heading: "4. Three probes",
        missing: &["there is no pod ckad-probes"],
        wrong: &[Wrong {
            faults: &[("        periodSeconds: 5\n", ""), ("path: /index.html", "path: /")],
            says: &["periodSeconds is 10, and must be 5", "path is /, and must be /index.html"],
        }],
        ..TASK
    },
    Task {
        number: "ckad-5",
        heading: "5. An update that fails, and the way back",
        missing: &["maxUnavailable is 25%, and must be 0", "is at revision 1"],
        wrong: &[Wrong {
            faults: &[("\nkubectl rollout undo deployment/ckad-roll", "")],
            says: &["image is busybox:no-such-tag, and must be busybox:stable"],
        }],
        ..TASK
    },
    Task {
        number: "ckad-6",
        heading: "6. Who may connect",
        missing: &["there is no networkpolicy ckad-api"],
        wrong: &[Wrong {
            faults: &[("[Ingress]", "[Ingress, Egress]"), ("      ports:", "    - ports:")],
            says: &[".spec.policyTypes[*] is Ingress Egress", "the policy has a second rule"],
        }],
        ..TASK
    },
];
