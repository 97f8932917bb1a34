//! What must hold after every fault: each acknowledged registration is on every pod, and all pods
//! hold the same.

use std::collections::BTreeSet;

use crate::kubectl::{mysql_pods, sql, try_sql, until};

/// The GTID set in one line.
const GTID_SET: &str = "SELECT REPLACE(@@GLOBAL.gtid_executed, '\\n', '')";

/// Waits until every pod has what the primary has at this moment.
pub(crate) fn wait_until_replicated() {
    let (primary, _) = until("the primary's GTID set", || try_sql("mysql-0", GTID_SET));
    let question = format!("SELECT GTID_SUBSET('{primary}', @@GLOBAL.gtid_executed)");
    for pod in mysql_pods() {
        until(&format!("{primary} on {pod}"), || match try_sql(&pod, &question)?.as_str() {
            "1" => Ok(()),
            _ => Err(try_sql(&pod, GTID_SET)?),
        });
    }
}

/// Waits until all pods have the same GTID set and the same users. No client may register meanwhile.
fn wait_until_alike() {
    let question = format!("{GTID_SET}; CHECKSUM TABLE userdb.users");
    until("the same GTID set and the same checksum on all pods", || {
        let pods = mysql_pods();
        let states = pods.iter().map(|pod| try_sql(pod, &question));
        let states = states.collect::<Result<Vec<_>, _>>()?;
        let alike = states.iter().all(|state| *state == states[0]);
        if alike { Ok(()) } else { Err(format!("{pods:?}: {states:?}")) }
    });
}

/// The registrations that at least one pod does not have.
pub(crate) fn lost(acknowledged: &[String]) -> BTreeSet<String> {
    wait_until_alike();
    let acknowledged: BTreeSet<&str> = acknowledged.iter().map(String::as_str).collect();
    let mut lost = BTreeSet::new();
    for pod in mysql_pods() {
        let emails = sql(&pod, "SELECT email FROM userdb.users");
        let present: BTreeSet<&str> = emails.lines().collect();
        lost.extend(acknowledged.difference(&present).map(|email| format!("{email} on {pod}")));
    }
    lost
}
