//! Reads a second by the number of pods. Each pod has the same fixed share of a processor, as if each ran on
//! another machine.

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

/// So small that the pods reach this limit before the machine reaches its own.
const SHARE: &str = "200m";

/// How many clients read without a pause, and for how long.
const CLIENTS: usize = 16;
fn time() -> Duration {
    Duration::from_secs(repetitions(2, 8).into())
}

/// A pod that has used up its share stops for a moment. With least-connections the clients go to the others.
const READ: &str = "/users?via=mysql&with=pool&strategy=least-connections";

/// Gives each MySQL pod this share of a processor, or no limit. Either way the pods are replaced.
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

/// Reads until the end. Returns how many answers came, and from which pods.
async fn ask_until(client: Client, end: Instant) -> (usize, BTreeSet<String>) {
    let (mut answers, mut pods) = (0, BTreeSet::new());
    while Instant::now() < end {
        // A refused read is not counted: a pod with so small a share may be silent for a moment.
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
    for pods in 2..=repetitions(3, 4) as usize {
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
