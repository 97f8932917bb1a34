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
#[derive(Clone)]
pub(crate) enum Answer {
    /// It answers with these records; perhaps there are none of this type.
    Records(Vec<Record>),
    /// It answers that there is no such name, or none with this type of record. The SOA record says for how long a
    /// client may remember that.
    Nothing(ResponseCode, Box<Record>),
    /// It answers that it has none, with the reason.
    Refusal(ResponseCode),
    /// It does not answer.
    Silence,
}

impl Answer {
    /// The same answer, which a client may keep for so many seconds.
    pub(crate) fn with_ttl(&self, seconds: u32) -> Self {
        let mut answer = self.clone();
        let records = match &mut answer {
            Self::Records(records) => records.as_mut_slice(),
            Self::Nothing(_, soa) => std::slice::from_mut(soa.as_mut()),
            Self::Refusal(_) | Self::Silence => &mut [],
        };
        records.iter_mut().for_each(|record| record.ttl = seconds);
        answer
    }
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
        let (records, soa) = match answer {
            Answer::Records(records) => (records, None),
            Answer::Nothing(code, soa) => {
                metadata.response_code = code;
                (Vec::new(), Some(soa))
            }
            Answer::Refusal(code) => {
                metadata.response_code = code;
                (Vec::new(), None)
            }
            Answer::Silence => return unsent(metadata),
        };
        let message = MessageResponseBuilder::from_message_request(request).build(
            metadata,
            &records,
            [],
            soa.as_deref(),
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
