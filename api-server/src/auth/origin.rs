//! The origin of a request, as far as it is known.

use std::net::IpAddr;

/// Origin of a request, as the audit log records it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Address of the client. Only trusted proxies can name another one than their own.
    pub client_address: Option<IpAddr>,
    /// `User-Agent` header.
    pub user_agent: Option<String>,
    /// ID of the request, which is in the response and in each line of the log.
    pub request_id: Option<String>,
    /// `traceparent` of the span of the request (W3C Trace Context).
    pub traceparent: Option<String>,
    /// Path and query.
    pub target: Option<String>,
}
