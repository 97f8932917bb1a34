//! The page: which pod has just answered, how the answers spread, and why.
//!
//! read-app renders all of it, with and without JavaScript. The script fetches the living part alone (`part=live`).

mod changes;
mod dns;
pub(crate) mod dots;
mod drawing;
mod evidence;
mod explain;
mod form;
mod lanes;
pub(crate) mod params;
mod queries;
mod shares;
mod try_this;
mod users;

use app_core::{
    html::{self, Layout, drawing::Drawing},
    http::error::{Error, mysql::sentence},
    mysql::MysqlError,
};
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use time::OffsetDateTime;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{
    changes::Changes,
    dns::{Lookups, missing_pod},
    dots::{Dot, KEPT, POD_NAME_PREFIX},
    drawing::drawing,
    evidence::Evidence,
    form::Form,
    lanes::{Lane, lanes},
    params::{MOST_QUERIES, PageParams, PageQueryString},
    shares::ShareTable,
    try_this::TryThis,
    users::{Failure, UsersPart},
};
use crate::{
    App,
    api::{
        dns::NamesView,
        params::UsersQueryString,
        pods::{self, PodView},
    },
    db::ReadResult,
    routing::{
        Reads,
        mode::{Strategy, Via, With},
        story::Story,
    },
    times,
};

const SCRIPT: &str = include_str!("../assets/live.js");

/// The routes of the page.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show)).route("/assets/live.js", get(script))
}

async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

/// The whole page.
#[derive(Template)]
#[template(path = "page.html")]
struct LivePage<'a> {
    layout: Layout,
    form: &'a Form,
    live: LivePart<'a>,
    users: Result<UsersPart<'a>, Failure>,
    try_this: TryThis,
}

/// What read-app knows at one moment of what is behind the names.
#[derive(Clone, Copy)]
struct Known<'a> {
    names: &'a NamesView,
    pods: &'a [PodView],
    story: &'a Story,
}

/// The living part: what changes with each query, and what changes without one.
#[derive(Template)]
#[template(path = "live.html")]
struct LivePart<'a> {
    form: &'a Form,
    /// The script keeps the controls that it has.
    with_controls: bool,
    /// Of the last query, or a sentence that says why it failed.
    evidence: Option<Result<Evidence, &'static str>>,
    /// How the last query was asked.
    asked: String,
    drawing: Drawing,
    lanes: Vec<Lane<'a>>,
    shares: ShareTable,
    /// What the table expects of each lane, by its kind of connection.
    expected: Vec<(&'static str, &'static str)>,
    names: &'a NamesView,
    lookups: Lookups<'a>,
    changes: Changes,
    /// The name of the headless Service.
    headless: &'a str,
}

/// A rendered template is escaped already.
impl askama::filters::HtmlSafe for LivePart<'_> {}

/// The page, or the part of it that lives.
#[utoipa::path(get, path = "/", operation_id = "live_page", params(UsersQueryString, PageQueryString), responses(
    (status = 200, description = "The page", body = String, content_type = "text/html"),
    (status = 400, description = "A parameter is not acceptable"),
))]
async fn show(
    State(App { reads, names, .. }): State<App>,
    layout: Layout,
    headers: HeaderMap,
    mut params: PageParams,
) -> Result<Response, Error> {
    let last = queries::make(&reads, &mut params).await;
    let pods = pods::now(&reads);
    let names = names.now(missing_pod(&params.dots, &pods)).await;
    let form = Form::new(&params);
    let drawing = drawing(&reads, &params, &names, &pods, &layout.other_app_url);
    let known = Known { names: &names, pods: &pods, story: &reads.headless().story() };
    let live = LivePart::new(&reads, &params, &form, known, drawing, last.as_ref());
    let try_this = try_this(&layout, &params, known);
    if params.only_live {
        return Ok(Html(live.render()? + &try_this.marks()?).into_response());
    }
    let users = last.unwrap_or(Err(MysqlError::Busy));
    let users = users.map(|served| UsersPart::new(served, &params, &pods));
    let users = users.map_err(|error| Failure::new(&error.into(), &headers));
    let status = users.as_ref().err().map_or(StatusCode::OK, |failure| failure.status);
    let page = LivePage { layout, form: &form, live, users, try_this };
    Ok((status, html::respond(&page)?).into_response())
}

fn try_this(layout: &Layout, params: &PageParams, Known { pods, story, .. }: Known) -> TryThis {
    let told = story.pods().map(|(ordinal, _)| ordinal);
    let known = pods.iter().map(|pod| pod.ordinal).chain(params.dots.counts().into_keys());
    let next_ordinal = known.chain(told).max().map_or(2, |ordinal| u16::from(ordinal) + 1);
    TryThis::new(layout.runs_in, next_ordinal, story, params, OffsetDateTime::now_utc())
}

impl<'a> LivePart<'a> {
    fn new(
        reads: &'a Reads,
        params: &'a PageParams,
        form: &'a Form,
        Known { names, pods, story }: Known<'a>,
        drawing: Drawing,
        last: Option<&Result<ReadResult, MysqlError>>,
    ) -> Self {
        let (host, headless) = (reads.host(params.mode.via), reads.host(Via::Mysql));
        let evidence = |served| Evidence::new(served, &params.mode, host, pods);
        let lanes = lanes(params, names, pods);
        Self {
            form,
            with_controls: !params.only_live,
            evidence: last.map(|last| last.as_ref().map(evidence).map_err(sentence)),
            drawing,
            asked: format!("through {host} with {}", lanes[0].connection()),
            shares: ShareTable::new(&lanes, pods),
            expected: lanes
                .iter()
                .map(|lane| (lane.connections(), lane.what_is_expected()))
                .collect(),
            lanes,
            names,
            lookups: Lookups::new(names, pods),
            changes: Changes::new(story, headless, OffsetDateTime::now_utc()),
            headless,
        }
    }
}
