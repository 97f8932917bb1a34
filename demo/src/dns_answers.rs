//! How a stand-in for a DNS server sends its answers. What they are is the affair of each stand-in.

use hickory_server::{
    net::runtime::Time,
    proto::{
        op::{Header, HeaderCounts, Metadata, ResponseCode},
        rr::{Name, Record, RecordType},
    },
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    zone_handler::MessageResponseBuilder,
};

/// What a server does with a question.
pub(crate) enum Answer {
    /// It answers with these records; perhaps there are none of this type.
    Records(Vec<Record>),
    /// It answers that it has none, with the reason.
    Refusal(ResponseCode),
    /// It does not answer.
    Silence,
}

/// Knows the answers.
pub(crate) trait Answers: Send + Sync + Unpin + 'static {
    /// The answer for a name and a type of record.
    fn answer(&self, name: &Name, kind: RecordType) -> Answer;
}

/// Sends the answers.
pub(crate) struct Sender<A>(pub(crate) A);

#[async_trait::async_trait]
impl<A: Answers> RequestHandler for Sender<A> {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response: R,
    ) -> ResponseInfo {
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.authoritative = true;
        let answer = match request.request_info() {
            Ok(info) => self.0.answer(&Name::from(info.query.name()), info.query.query_type()),
            Err(_) => Answer::Refusal(ResponseCode::NXDomain),
        };
        let records = match answer {
            Answer::Records(records) => records,
            Answer::Refusal(code) => {
                metadata.response_code = code;
                Vec::new()
            }
            Answer::Silence => return unsent(metadata),
        };
        let message = MessageResponseBuilder::from_message_request(request).build(
            metadata,
            &records,
            [],
            [],
            [],
        );
        response.send_response(message).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot send a DNS answer");
            unsent(metadata)
        })
    }
}

fn unsent(metadata: Metadata) -> ResponseInfo {
    ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
}
