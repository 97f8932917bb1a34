//! The page: who has just answered, how the answers spread, and why.
//!
//! The whole page is made here, with and without JavaScript. What it remembers is in its form, so that
//! any copy of this app can continue it; the script fetches the living part alone (`part=live`).

mod diagram;
mod dns;
pub(crate) mod dots;
mod evidence;
mod explain;
mod lanes;
pub(crate) mod times;

use std::time::{Duration, Instant};

use app_core::{
    html::{self, Layout},
    http::{
        error::{self, Error},
        request_id,
    },
    mysql::MysqlError,
};
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    api::{
        dns::NamesView,
        params::{Params, Raw},
        pods::{self, PodView},
    },
    db::{Freshness, Question, User, UsersPage, UsersQuery},
    page::{
        diagram::Diagram,
        dns::Answers,
        dots::{Dot, Dots},
        evidence::Hero,
        lanes::Lanes,
    },
    routing::{
        Reads, Served,
        mode::{Mode, Via},
    },
};

/// How many users the page shows: the longest names still leave it under 60 kB.
const USERS_SHOWN: usize = 20;

/// How long all queries of a request may take but for the last.
const PATIENCE: Duration = Duration::from_secs(4);

const SCRIPT: &str = include_str!("../assets/live.js");

/// The routes of the page.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show)).route("/assets/live.js", get(script))
}

async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

/// The living part: what changes with each query, and what changes by itself.
#[derive(Template)]
#[template(path = "live.html")]
struct LivePart<'a> {
    state: &'a PageState,
    hero: Option<Hero>,
    /// With the controls, which the script keeps as they are.
    full: bool,
    diagram: Diagram,
    lanes: Lanes<'a>,
    names: &'a NamesView,
    answers: Answers<'a>,
    /// The name of the headless Service.
    headless: &'a str,
}

/// It is a template, and so escaped already.
impl askama::filters::HtmlSafe for LivePart<'_> {}

#[derive(Template)]
#[template(path = "page.html")]
struct LivePage<'a> {
    layout: Layout,
    state: &'a PageState,
    title: String,
    /// The next replica that there could be.
    next_ordinal: u16,
    live: LivePart<'a>,
    users: Result<UsersPart<'a>, Failure>,
}

/// What the page remembers, in its form and its links.
struct PageState {
    mode: Mode,
    compare: bool,
    large: bool,
    seen: String,
    seen_beside: String,
}

/// The users, and how fresh they are.
struct UsersPart<'a> {
    page: UsersPage,
    pod: String,
    ordinal: String,
    freshness: Option<Freshness>,
    query: &'a UsersQuery,
    /// The user whom the reader has just registered.
    id: Option<u64>,
}

/// Why nobody answered.
struct Failure {
    status: StatusCode,
    message: String,
    request_id: String,
}

/// The page, or the part of it that lives.
#[utoipa::path(get, path = "/", operation_id = "live_page", params(Raw), responses(
    (status = 200, description = "The page", body = String, content_type = "text/html"),
    (status = 400, description = "A parameter is not acceptable"),
))]
async fn show(
    State(App { reads, names, .. }): State<App>,
    layout: Layout,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, Error> {
    let users = Some((params.users.clone(), USERS_SHOWN));
    let users = Question { after: params.after.clone(), users };
    // The whole page has users on it, so it makes one query at least.
    let (queries, question) = match (params.only_live, params.ask.unwrap_or(1)) {
        (true, queries) => (queries, Question::default()),
        (false, queries) => (queries.max(1), users),
    };
    let last = ask(&reads, &mut params, queries, question).await;
    let state = PageState::of(&params);
    let pods = pods::now(&reads);
    let names = names.now(missed(&params.dots, &pods)).await;
    let live = LivePart::new(&reads, &params, &state, &names, &pods, last.as_ref());
    if params.only_live {
        return Ok(html::respond(&live)?);
    }
    let users = match last {
        Some(Ok(served)) => Ok(UsersPart::of(served, &params)),
        Some(Err(error)) => Err(Failure::of(error.into(), &headers)),
        None => Err(Failure::of(MysqlError::Busy.into(), &headers)),
    };
    let status = users.as_ref().err().map_or(StatusCode::OK, |failure| failure.status);
    let served_by = users.as_ref().map_or("nobody", |users| &users.pod);
    let title = format!("Served by {served_by}");
    let next_ordinal = pods.last().map_or(2, |pod| u16::from(pod.ordinal) + 1);
    let page = LivePage { layout, state: &state, title, next_ordinal, live, users };
    Ok((status, html::respond(&page)?).into_response())
}

/// A pod that has answered some of these queries and does not answer now. Not the primary: to ask for
/// its name while it is away would make DNS remember that it is, for write-app too.
fn missed(dots: &Dots, pods: &[PodView]) -> Option<u8> {
    let answers = |ordinal: u8| pods.iter().any(|pod| pod.ordinal == ordinal && pod.answers());
    dots.counts().into_keys().find(|ordinal| *ordinal != 0 && !answers(*ordinal))
}

/// Makes so many queries, one after the other, and each with the other kind of connection too where
/// that is wanted. The last one asks `question`, and its outcome is returned. It comes early where nobody
/// answers, or the answers take their time.
async fn ask(
    reads: &Reads,
    params: &mut Params,
    queries: u8,
    question: Question,
) -> Option<Result<Served, MysqlError>> {
    let start = Instant::now();
    for number in 1..=queries {
        let is_last = number == queries || start.elapsed() > PATIENCE;
        let asked = if is_last { question.clone() } else { Question::default() };
        let served = ask_once(reads, params, asked).await;
        if is_last || served.is_err() {
            return Some(served);
        }
    }
    None
}

async fn ask_once(
    reads: &Reads,
    params: &mut Params,
    question: Question,
) -> Result<Served, MysqlError> {
    let other = params.mode.other_connections();
    let served = reads.ask(&params.mode, question);
    let served = if params.compare {
        let (served, beside) = tokio::join!(served, reads.ask(&other, Question::default()));
        push(&mut params.dots_beside, &beside);
        served
    } else {
        served.await
    };
    push(&mut params.dots, &served);
    served
}

/// A dot for each attempt: those that failed before the answer are part of the lesson.
fn push(dots: &mut Dots, outcome: &Result<Served, MysqlError>) {
    match outcome {
        Ok(served) => {
            served.failed_attempts.iter().for_each(|error| dots.push(Dot::Failed(error.into())));
            dots.push(Dot::of(&served.answer.server.pod));
        }
        Err(error) => dots.push(Dot::Failed(error.into())),
    }
}

impl<'a> LivePart<'a> {
    fn new(
        reads: &'a Reads,
        params: &'a Params,
        state: &'a PageState,
        names: &'a NamesView,
        pods: &'a [PodView],
        last: Option<&Result<Served, MysqlError>>,
    ) -> Self {
        Self {
            state,
            hero: last.map(|last| Hero::new(last, &params.mode, pods)),
            full: !params.only_live,
            diagram: Diagram::new(reads, params, names, pods),
            lanes: Lanes::new(params, names, pods),
            names,
            answers: Answers::new(names, pods),
            headless: reads.host(Via::Mysql),
        }
    }
}

impl PageState {
    fn of(params: &Params) -> Self {
        Self {
            mode: params.mode.clone(),
            compare: params.compare,
            large: params.large,
            seen: params.dots.text(),
            seen_beside: params.dots_beside.text(),
        }
    }

    /// What links and forms carry on.
    fn kept(&self) -> Vec<(&'static str, String)> {
        let Mode { via, with, strategy, user } = &self.mode;
        let on = |is_on: bool| if is_on { "on".to_owned() } else { String::new() };
        let all = [
            ("via", via.name().to_owned()),
            ("with", with.name().to_owned()),
            ("strategy", strategy.name().to_owned()),
            ("user", user.clone()),
            ("compare", on(self.compare)),
            ("large", on(self.large)),
            ("was", self.mode.text()),
            ("seen", self.seen.clone()),
            ("seen2", self.seen_beside.clone()),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// The same as a query string, with another parameter in place of the one of that name.
    fn link(&self, name: &str, value: &str) -> String {
        let mut kept = self.kept();
        kept.retain(|(one, _)| *one != name);
        let kept = kept.iter().map(|(name, value)| (*name, value.as_str()));
        let changed = (!value.is_empty()).then_some((name, value));
        serde_urlencoded::to_string(kept.chain(changed).collect::<Vec<_>>()).unwrap_or_default()
    }
}

impl<'a> UsersPart<'a> {
    fn of(served: Served, params: &'a Params) -> Self {
        let server = served.answer.server;
        Self {
            ordinal: server.pod.ordinal().to_owned(),
            pod: server.pod.to_string(),
            freshness: served.answer.freshness,
            page: served.answer.users.unwrap_or_default(),
            query: &params.users,
            id: params.id,
        }
    }

    /// What came of the token, in a sentence.
    fn finding(&self) -> Option<String> {
        let pod = &self.pod;
        Some(match self.freshness? {
            Freshness::AtOnce => format!("{pod} had it at once"),
            Freshness::AfterWaiting(waited) => {
                format!("{pod} had it after waiting {}", times::seconds(waited))
            }
            Freshness::Behind(1) => format!("{pod} is behind by 1 transaction"),
            Freshness::Behind(transactions) => {
                format!("{pod} is behind by {transactions} transactions")
            }
        })
    }

    /// How that was found out.
    fn proof(&self) -> &'static str {
        match self.freshness {
            Some(Freshness::AtOnce) => {
                "The commit’s GTID was in @@GLOBAL.gtid_executed of this very connection."
            }
            Some(Freshness::AfterWaiting(_)) => {
                "WAIT_FOR_EXECUTED_GTID_SET returned when the commit’s GTID had been applied, and then the users were read."
            }
            Some(Freshness::Behind(_)) => {
                "The commit’s GTID was not in @@GLOBAL.gtid_executed when the time was up, so this list may lack the user. Ask again: another pod may have it."
            }
            None => "",
        }
    }

    fn search(&self) -> &str {
        match self.query {
            UsersQuery::Beginning(text) => text,
            _ => "",
        }
    }

    fn is_mine(&self, user: &User) -> bool {
        self.id == Some(user.id)
    }
}

impl Failure {
    fn of(error: Error, headers: &HeaderMap) -> Self {
        let request_id = request_id::of(headers);
        error::log(&error, &request_id);
        Self { status: error.status(), message: error.message(), request_id }
    }
}
