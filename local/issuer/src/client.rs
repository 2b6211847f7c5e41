//! The one client: the api-server of the local system, with PKCE and without a secret.

use serde::{Deserialize, Serialize};

/// Client that may let people log in.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    /// Address to which browsers are sent back.
    pub(crate) redirect_uri: String,
}

/// Parameters of an authorization request (OpenID Connect Core, section 3.1.2.1; RFC 7636, section 4.3).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) response_type: String,
    pub(crate) scope: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) code_challenge: String,
    pub(crate) code_challenge_method: String,
}

impl Client {
    /// Returns what is wrong with a request, if anything is. The browser is not sent back then, since its address may be the mistake.
    pub(crate) fn mistake(&self, request: &Request) -> Option<&'static str> {
        let is_openid = request.scope.split(' ').any(|scope| scope == "openid");
        [
            (request.client_id == self.id, "client_id is not known"),
            (request.redirect_uri == self.redirect_uri, "redirect_uri is not that of the client"),
            (request.response_type == "code", "response_type must be code"),
            (request.code_challenge_method == "S256", "code_challenge_method must be S256"),
            (is_openid, "scope must contain openid"),
        ]
        .into_iter()
        .find_map(|(is_right, mistake)| (!is_right).then_some(mistake))
    }
}
