//! Request rates: of a tenant by its plan, of each of its users, and of addresses that send unknown tokens.

use std::{net::IpAddr, num::NonZeroU32};

use crate::{
    app::request_rate::user_limit,
    auth::Principal,
    http::listener::client_network,
    limits::{Limits, RateExceeded},
    problem::{Problem, RateHeaders, rate_headers, rate_limited},
};

/// Requests a minute from one address that have no token which was verified within the last minute. A verification takes
/// about 0.1 ms, so that an address can cause less than one per cent of a core.
const UNKNOWN_TOKENS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(3_000).expect("3,000 is not zero");

/// Counts a request without a known token.
///
/// # Errors
/// Returns an error if the address has sent too many of them.
pub(in crate::http) fn count_address(limits: &Limits, address: Option<IpAddr>) -> Result<(), RateExceeded> {
    let Some(address) = address else { return Ok(()) };
    limits.address_rates.count(client_network(address), UNKNOWN_TOKENS_PER_MINUTE).map(drop)
}

/// Counts a request of a user, and returns the headers that show what remains. Without a limit in the plan of the
/// tenant, there are none.
///
/// # Errors
/// Returns an error if the user or the tenant has sent too many requests.
pub(in crate::http) fn count_principal(
    limits: &Limits,
    principal: &Principal,
) -> Result<Option<RateHeaders>, Problem> {
    let Some((tenant, limit)) = principal
        .tenant
        .as_ref()
        .and_then(|tenant| Some((tenant.scope.tenant_id(), tenant.requests_per_minute?)))
    else {
        return Ok(None);
    };
    // The user is counted first: what it sends in excess does not use up the requests of its tenant.
    let user = limits.user_rates.count((tenant, principal.email.clone()), user_limit(limit));
    let user = user.map_err(|error| rate_limited("user", &error))?;
    let tenant = limits.tenant_rates.count(tenant, limit).map_err(|error| rate_limited("tenant", &error))?;
    let scarcer = if user.remaining < tenant.remaining { ("user", user) } else { ("tenant", tenant) };
    Ok(Some(rate_headers(scarcer.0, scarcer.1)))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use serde_json::json;
    use sqlx::PgPool;

    use super::UNKNOWN_TOKENS_PER_MINUTE;
    use crate::http::{
        ClientAddress,
        testing::{Answer, Server},
    };

    async fn me(server: &Server, token: &str) -> Answer {
        server.with_token(token, "/v1/me").await
    }

    fn rate(answer: &Answer) -> (u16, &str) {
        (answer.status, answer.headers["ratelimit"].to_str().unwrap().split(";t=").next().unwrap())
    }

    /// The plan limits the requests of a tenant and of each of its users, and another tenant is not affected.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_plan_limits_requests_a_minute(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.set_plan_limits(json!({"apiRequestsPerMinute": 5})).await;
        let anna = server.issuer.token("acme", "viewer");
        let others = json!({"email": "bob@acme.example", "smb_tenant": "acme", "smb_roles": ["viewer"]});
        let bob = server.issuer.sign(&server.issuer.claims(&others));
        let answer = me(&server, &anna).await;
        assert_eq!(rate(&answer), (200, "\"user\";r=3"));
        assert_eq!(answer.headers["ratelimit-policy"], "\"user\";q=4;w=60");
        for _ in 0..3 {
            assert_eq!(me(&server, &anna).await.status, 200);
        }
        let refused = me(&server, &anna).await;
        assert_eq!(
            (rate(&refused), refused.body["code"].as_str()),
            ((429, "\"user\";r=0"), Some("rate_limited"))
        );
        let delay: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=15).contains(&delay), "{delay}");
        assert_eq!(rate(&me(&server, &bob).await), (200, "\"tenant\";r=0"));
        assert_eq!(rate(&me(&server, &bob).await), (429, "\"tenant\";r=0"));
        assert_eq!(me(&server, &server.issuer.token("globex", "viewer")).await.status, 200);
    }

    /// Refused requests count, and show what remains.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn refused_requests_show_what_remains(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.set_plan_limits(json!({"apiRequestsPerMinute": 5})).await;
        for (role, path, status, remaining) in [
            ("viewer", "/v1/usage", 403, 3),
            ("viewer", "/v1/plans?page=2", 400, 2),
            ("viewer", "/v1/workflows/nonsense", 404, 1),
        ] {
            let answer = server.get("acme", role, path).await;
            assert_eq!(rate(&answer), (status, format!("\"user\";r={remaining}").as_str()), "{path}");
        }
    }

    /// A plan without a limit limits nothing.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn without_a_limit_requests_are_not_counted(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = me(&server, &server.issuer.token("acme", "viewer")).await;
        assert_eq!((answer.status, answer.headers.contains_key("ratelimit")), (200, false));
    }

    /// An address that sends invalid tokens is refused before they are verified; users with a known token behind the same
    /// address are served.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn invalid_tokens_are_limited_by_address(pool: PgPool) {
        let server = Server::start(&pool).await;
        let send = async |address: [u8; 4], token: &str| {
            let request = Request::get("/v1/me").extension(ClientAddress(address.into()));
            let request = request.header("authorization", format!("Bearer {token}"));
            let answer = server.send(request.body(Body::empty()).unwrap()).await;
            (answer.status, answer.body["code"].as_str().unwrap_or_default().to_owned())
        };
        let known = server.issuer.token("globex", "viewer");
        assert_eq!(send([203, 0, 113, 7], &known).await.0, 200);
        while server.limits().address_rates.count([203, 0, 113, 7].into(), UNKNOWN_TOKENS_PER_MINUTE).is_ok()
        {
        }
        assert_eq!(send([203, 0, 113, 7], "invalid").await, (429, "rate_limited".to_owned()));
        assert_eq!(send([203, 0, 113, 7], &known).await.0, 200);
        server.expire_verifications();
        assert_eq!(send([203, 0, 113, 7], &known).await.0, 200, "it was verified within the last hour");
        assert_eq!(send([203, 0, 113, 8], "invalid").await, (401, "invalid_token".to_owned()));
    }
}
