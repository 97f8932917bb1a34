//! `POST /submit`: one user for each request, committed durably.

use anyhow::ensure;

use crate::{
    contest::{Contest, Results},
    goals::{WRITES, by_go, by_mysqlslap},
    load::RequestKind,
    mysqlslap::WRITE,
    peers::Peer,
    report::{Part, contest_table},
    server::WRITE_APP,
    setup::{PRIMARY, Setup},
};

/// The settings that make a commit durable, and the number of commits that no replica has acknowledged.
const DURABILITY: &str = "SELECT CONCAT_WS(' ', @@sync_binlog, @@innodb_flush_log_at_trx_commit, \
    (SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Rpl_semi_sync_source_status'), \
    (SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Rpl_semi_sync_source_no_tx'))";

pub(crate) async fn part(setup: &Setup, peers: &[Peer]) -> anyhow::Result<(Part, Results)> {
    eprintln!("writes");
    let before = setup.primary(DURABILITY).await?;
    ensure!(before.starts_with("1 1 ON "), "commits are not durable: {before}");
    let app = WRITE_APP.start(&setup.cluster, &[]).await?;
    let contest = Contest {
        kind: RequestKind::Register,
        mysqlslap: setup.mysqlslap(PRIMARY, WRITE_APP, &WRITE)?,
        servers: Contest::servers(("write-app", app), peers, &setup.writer()?).await?,
        mysqlds: setup.mysqlds().await?,
    };
    let results = contest.run(&setup.extent).await?;
    let after = setup.primary(DURABILITY).await?;
    ensure!(
        after == before,
        "some commits were not durable: {before} before the run, {after} after it"
    );
    let text = format!(
        "`POST /submit` registers a new user. All servers write to mysql-0. Before and after the run, `sync_binlog` is 1, \
         `innodb_flush_log_at_trx_commit` is 1, and `Rpl_semi_sync_source_status` is ON. A replica acknowledged every commit of the \
         run. mysqlslap sends only the INSERT; write-app also asks for the commit's GTID.\n\n{}",
        contest_table(&results, "INSERTs")
    );
    let mut goals = vec![by_mysqlslap(&results, "writes")];
    goals.extend(by_go(&results, &WRITES));
    Ok((Part { title: "Writes", goals, text }, results))
}
