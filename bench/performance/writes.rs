//! `POST /submit`: one user, durably.

use anyhow::ensure;

use crate::{
    contest::{Contest, Results},
    goals::of_contest,
    load::Ask,
    mysqlslap::WRITE,
    peers::Peer,
    report::{Part, contest_table},
    server::WRITE_APP,
    setup::{PRIMARY, Setup},
};

/// What makes a commit durable, and how many were acknowledged by nobody but the primary.
const DURABILITY: &str = "SELECT CONCAT_WS(' ', @@sync_binlog, @@innodb_flush_log_at_trx_commit, \
    (SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Rpl_semi_sync_source_status'), \
    (SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Rpl_semi_sync_source_no_tx'))";

pub(crate) async fn part(setup: &Setup, peers: &[Peer]) -> anyhow::Result<(Part, Results)> {
    eprintln!("writes");
    let before = setup.primary(DURABILITY).await?;
    ensure!(before.starts_with("1 1 ON "), "commits are not durable: {before}");
    let app = WRITE_APP.start(&setup.cluster, &[]).await?;
    let contest = Contest {
        ask: Ask::Register,
        mysqlslap: setup.mysqlslap(PRIMARY, WRITE_APP, &WRITE)?,
        servers: Contest::servers(("write-app", app), peers, &setup.writer()?).await?,
        mysqlds: setup.mysqlds().await?,
    };
    let results = contest.run(&setup.extent).await?;
    let after = setup.primary(DURABILITY).await?;
    ensure!(after == before, "commits were not all durable: {before} before, {after} after");
    let text = format!(
        "`POST /submit` of users who are new. Everybody writes to mysql-0. Asked before and after: `sync_binlog` 1, \
         `innodb_flush_log_at_trx_commit` 1, `Rpl_semi_sync_source_status` ON, and no commit without a replica's \
         acknowledgement in between. mysqlslap sends the one INSERT; write-app asks for the commit's GTID as well.\n\n{}",
        contest_table(&results, "INSERTs")
    );
    let goals = of_contest(&results, "writes", 20.0);
    Ok((Part { title: "Writes", goals, text }, results))
}
