//! The queries of one request, and the dots that they add.

use std::time::{Duration, Instant};

use app_core::mysql::MysqlError;

use crate::{
    db::{ReadRequest, ReadResult},
    page::{
        dots::{Dot, Dots},
        params::PageParams,
    },
    routing::Reads,
};

/// How many users the page shows.
pub(super) const USERS_SHOWN: usize = 10;

/// After this time the next query is the last one.
const LAST_QUERY_AFTER: Duration = Duration::from_secs(4);

/// Makes the queries that the request asks for, one after the other, until one fails or the time is up. The last
/// query also asks for the users if the whole page is wanted. Returns its outcome; none if there was no query.
pub(super) async fn make(
    reads: &Reads,
    params: &mut PageParams,
) -> Option<Result<ReadResult, MysqlError>> {
    let (queries, request) = match (params.ask.unwrap_or(1), params.only_live) {
        (queries, true) => (queries, ReadRequest::default()),
        // The whole page lists users, so it makes at least one query.
        (queries, false) => (queries.max(1), users(params)),
    };
    let start = Instant::now();
    for number in 1..=queries {
        let is_last = number == queries || start.elapsed() > LAST_QUERY_AFTER;
        let asked = if is_last { request.clone() } else { ReadRequest::default() };
        let outcome = make_one(reads, params, asked).await;
        if is_last || outcome.is_err() {
            return Some(outcome);
        }
    }
    None
}

fn users(params: &PageParams) -> ReadRequest {
    let users = Some((params.users.clone(), USERS_SHOWN));
    ReadRequest { after: params.after.clone(), users, ..ReadRequest::default() }
}

/// Makes one query. If the page compares, it also asks on the other kind of connection at the same moment.
async fn make_one(
    reads: &Reads,
    params: &mut PageParams,
    request: ReadRequest,
) -> Result<ReadResult, MysqlError> {
    let other = params.mode.other_connections();
    let query = reads.read(&params.mode, request);
    let outcome = if params.compare {
        let (outcome, beside) = tokio::join!(query, reads.read(&other, ReadRequest::default()));
        add_dots(&mut params.dots_beside, &beside);
        outcome
    } else {
        query.await
    };
    add_dots(&mut params.dots, &outcome);
    outcome
}

/// A dot for each attempt: those that failed before the answer are part of the lesson.
fn add_dots(dots: &mut Dots, outcome: &Result<ReadResult, MysqlError>) {
    match outcome {
        Ok(served) => {
            served.failed_attempts.iter().for_each(|error| dots.push(Dot::Failed(error.into())));
            dots.push(Dot::of(&served.server.pod));
        }
        Err(error) => dots.push(Dot::Failed(error.into())),
    }
}
