//! The pods of a StatefulSet or a Deployment on the cluster that kubectl reaches.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use tokio::process::Command;

/// How long pods may take until they are there.
const TIMEOUT: &str = "--timeout=300s";

/// Pods of one kind.
#[derive(Clone, Copy)]
pub(crate) struct Workload {
    /// As kubectl names it, such as `statefulset/mysql`.
    pub(crate) object: &'static str,
    /// The value of the pods' label `app.kubernetes.io/name`. Their container has this name too.
    pub(crate) name: &'static str,
    /// How many pods the manifest has.
    pub(crate) pods: usize,
}

pub(crate) const MYSQL: Workload = Workload { object: "statefulset/mysql", name: "mysql", pods: 2 };
pub(crate) const READ_APP: Workload =
    Workload { object: "deployment/read-app", name: "read-app", pods: 1 };
pub(crate) const WRITE_APP: Workload =
    Workload { object: "deployment/write-app", name: "write-app", pods: 1 };

impl Workload {
    /// Sets the number of pods, and waits until all of them are ready.
    pub(crate) async fn scale(self, pods: usize) -> anyhow::Result<()> {
        kubectl(&["scale", self.object, &format!("--replicas={pods}")]).await?;
        self.wait().await
    }

    /// Gives each pod so many thousandths of a processor, without a restart:
    /// <https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/>. Kubernetes has had that
    /// since 1.33.
    pub(crate) async fn limit(self, thousandths: u32) -> anyhow::Result<()> {
        let (name, share) = (self.name, format!("{thousandths}m"));
        let limits =
            format!(r#"[{{"name":"{name}","resources":{{"limits":{{"cpu":"{share}"}}}}}}]"#);
        let patch = format!(r#"{{"spec":{{"containers":{limits}}}}}"#);
        for pod in self.pods().await?.split_whitespace() {
            kubectl(&["patch", pod, "--subresource=resize", "--patch", &patch]).await?;
            // The kubelet says so once the pod has it.
            let limit = "{.status.containerStatuses[0].resources.limits.cpu}";
            let has_it = format!("--for=jsonpath={limit}={share}");
            kubectl(&["wait", pod, &has_it, TIMEOUT]).await?;
        }
        Ok(())
    }

    /// Fails where the pods are not as many as the manifest has, or have a limit already.
    pub(crate) async fn check(self) -> anyhow::Result<()> {
        let (object, pods) = (self.object, self.pods);
        let path = "{.spec.replicas} {.spec.template.spec.containers[0].resources.limits.cpu}";
        let found = kubectl(&["get", object, &format!("--output=jsonpath={path}")]).await?;
        ensure!(
            found == pods.to_string(),
            "{object} must have {pods} pods without a limit of processor time, as kubernetes/ has them; it has: {found}"
        );
        Ok(())
    }

    /// Goes back to pods as the manifest has them, without a limit.
    pub(crate) async fn restore(self) -> anyhow::Result<()> {
        self.scale(self.pods).await?;
        kubectl(&["rollout", "restart", self.object]).await?;
        self.wait().await
    }

    /// Waits until the pods are as the workload says, and until those before them are gone: they go on serving for some
    /// seconds.
    async fn wait(self) -> anyhow::Result<()> {
        kubectl(&["rollout", "status", self.object, TIMEOUT]).await?;
        for pod in self.leaving().await?.split_whitespace() {
            kubectl(&["wait", "--for=delete", pod, TIMEOUT]).await?;
        }
        Ok(())
    }

    async fn pods(self) -> anyhow::Result<String> {
        kubectl(&["get", "pods", "--selector", &self.selector(), "--output=name"]).await
    }

    /// The pods that are being deleted.
    async fn leaving(self) -> anyhow::Result<String> {
        let template = "--output=go-template={{range .items}}{{if .metadata.deletionTimestamp}}pod/{{.metadata.name}} {{end}}{{end}}";
        kubectl(&["get", "pods", "--selector", &self.selector(), template]).await
    }

    fn selector(self) -> String {
        format!(
            "app.kubernetes.io/name={},app.kubernetes.io/part-of=headless-service-demo",
            self.name
        )
    }
}

/// Runs kubectl, in the namespace of its context. Returns what it says.
pub(crate) async fn kubectl(arguments: &[&str]) -> anyhow::Result<String> {
    let mut kubectl = Command::new("kubectl");
    // Ctrl-C in a terminal goes to the whole group, and kubectl must put the pods back after it.
    kubectl.args(arguments).stdin(Stdio::null()).kill_on_drop(true).process_group(0);
    let output = kubectl.output().await.context("cannot run kubectl: is it on PATH?")?;
    let (said, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "kubectl {}: {}", arguments.join(" "), error.trim());
    Ok(said.trim().to_owned())
}
