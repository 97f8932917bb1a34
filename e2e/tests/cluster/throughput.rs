//! Reads a second against the number of pods, where each pod has its share of a processor and no more: as if
//! each were on a machine of its own.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use e2e::repetitions;
use reqwest::Client;
use serde_json::Value;
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{
    clients::node_port,
    deployment::deployment,
    kubectl::{kubectl, until, wait_for_ready_pods, wait_for_rollout},
    scaling::{scale, scale_in},
};

/// So little that the machine's own processors are not the limit.
const SHARE: &str = "200m";

/// How many clients ask without a rest, and for how long.
const CLIENTS: usize = 16;
fn time() -> Duration {
    Duration::from_secs(repetitions(2, 8).into())
}

/// A pod whose share is used up stands still for a moment; whoever took turns would wait for it.
const READ: &str = "/users?via=mysql&with=pool&strategy=least-connections";

/// Gives each MySQL pod so much of a processor, or all there is; both replace the pods.
fn limit_processors(limit: Option<&str>) {
    let limits = match limit {
        Some(share) => format!(r#"{{"cpu":"{share}"}}"#),
        None => r#"{"cpu":null}"#.to_owned(),
    };
    let containers = format!(r#"[{{"name":"mysql","resources":{{"limits":{limits}}}}}]"#);
    let patch = format!(r#"{{"spec":{{"template":{{"spec":{{"containers":{containers}}}}}}}}}"#);
    kubectl(&["patch", "statefulset/mysql", "--patch", &patch]);
    wait_for_rollout(&["statefulset/mysql"]);
}

/// Asks until the end; how many answers came, and from which pods.
async fn ask_until(client: Client, end: Instant) -> (usize, BTreeSet<String>) {
    let (mut answers, mut pods) = (0, BTreeSet::new());
    while Instant::now() < end {
        // One that is refused is not counted: pods with so little of a processor may be silent for a moment.
        let asked = client.get(node_port(30001, READ)).send().await;
        let body: Value = asked.unwrap().json().await.unwrap();
        if let Some(pod) = body["mysql_pod"].as_str() {
            pods.insert(pod.to_owned());
            answers += 1;
        }
    }
    (answers, pods)
}

/// Reads a second, and who served them.
fn measure() -> (f64, BTreeSet<String>) {
    let runtime = Runtime::new().unwrap();
    let (client, end) = (Client::new(), Instant::now() + time());
    let asking: JoinSet<_> = {
        let _context = runtime.enter();
        (0..CLIENTS).map(|_| ask_until(client.clone(), end)).collect()
    };
    let answers = runtime.block_on(asking.join_all());
    let count: usize = answers.iter().map(|(count, _)| count).sum();
    let pods = answers.into_iter().flat_map(|(_, pods)| pods).collect();
    (count as f64 / time().as_secs_f64(), pods)
}

#[test]
fn more_replicas_serve_more_reads() {
    let _turn = deployment();
    limit_processors(Some(SHARE));

    let mut first = None;
    for pods in [2, 3, 4] {
        scale(pods);
        wait_for_ready_pods(pods);
        let (rate, _) = until(&format!("reads from {pods} pods"), || match measure() {
            (rate, served) if served.len() == pods => Ok(rate),
            (_, served) => Err(format!("{served:?}")),
        });
        let ratio = rate / *first.get_or_insert(rate);
        println!(
            "figure: {pods} pods of {SHARE} of a processor each: {rate:.0} reads a second, {ratio:.2} times what 2 serve"
        );
    }

    scale_in();
    limit_processors(None);
}
