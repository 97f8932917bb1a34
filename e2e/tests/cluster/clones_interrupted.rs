//! Clones during which the donor or the recipient dies.

use crate::{
    deployment::deployment,
    kubectl::{kubectl, sql},
    node_faults::{Signal, signal},
    scaling::{scale, scale_in},
    scenario::Scenario,
    servers_killed::make_new_where_it_was_restarted,
};

/// Makes the primary's data so large that a clone takes seconds. These rows are not replicated: a replica gets
/// them by a clone only.
fn add_ballast() {
    let rows = "WITH RECURSIVE row_numbers AS \
                (SELECT 1 AS n UNION ALL SELECT n + 1 FROM row_numbers WHERE n < 50) \
                SELECT REPEAT(RANDOM_BYTES(1024), 1024) FROM row_numbers";
    let insert = format!("INSERT INTO userdb.ballast (data) {rows};").repeat(8);
    let table = "CREATE TABLE userdb.ballast (id INT AUTO_INCREMENT PRIMARY KEY, data LONGBLOB)";
    drop_ballast();
    sql("mysql-0", &format!("SET sql_log_bin = 0; {table}; {insert}"));
}

fn drop_ballast() {
    sql("mysql-0", "SET sql_log_bin = 0; DROP TABLE IF EXISTS userdb.ballast");
}

/// Waits until the primary sends a clone. The donor is asked, since the recipient may not answer.
fn wait_for_clone() {
    let ask = "mysql --no-defaults --socket=/var/run/mysqld/mysqld.sock --user=root --batch \
               --execute \"SELECT 1 FROM performance_schema.threads \
               WHERE processlist_command LIKE '%Clone%'\"";
    let wait = format!("until {ask} | grep -q 1; do sleep 0.02; done");
    kubectl(&["exec", "mysql-0", "--", "timeout", "100", "bash", "-c", &wait]);
}

/// Adds mysql-2, and kills a server while it clones.
fn interrupt_a_clone(killed: &str, name: &'static str) {
    make_new_where_it_was_restarted("mysql-0");
    add_ballast();
    let scenario = Scenario::begin(name);

    scale(3);
    wait_for_clone();
    signal(killed, Signal::Kill);

    scenario.heal(3);
    let [on_primary, on_replica] =
        ["mysql-0", "mysql-2"].map(|pod| sql(pod, "CHECKSUM TABLE userdb.ballast"));
    assert_eq!(on_primary, on_replica);
    scale_in();
    drop_ballast();
}

#[test]
fn a_recipient_that_is_killed_while_it_clones_begins_anew() {
    let _turn = deployment();

    interrupt_a_clone("mysql-2", "recipient killed in mid-clone");
}

#[test]
fn a_donor_that_is_killed_while_it_is_cloned_loses_nothing_and_is_cloned_again() {
    let _turn = deployment();

    interrupt_a_clone("mysql-0", "donor killed in mid-clone");
}
