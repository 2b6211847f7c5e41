//! `/docs`: the documentation of the REST API as pages for browsers, which load nothing from other servers.

mod files;
mod problems;

use axum::{
    Router,
    extract::Path,
    http::{HeaderName, HeaderValue, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};

use super::HttpState;
use crate::problem::{Code, Problem};

const PAGE: &str = include_str!("page.html");
/// What the pages may load and do. Swagger UI sets styles of elements, shows icons from `data:` URLs, and sends the requests that a
/// reader tries out to this server.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// Time for which browsers store the files. Those of a new version of the api-server may be a day late.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=86400");
/// Pages are requested again each time, since they name the files.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// Returns the routes of the documentation.
pub(in crate::http) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/docs", get(async || page(PAGE.to_owned())))
        .route("/docs/problems", get(async || page(problems::page())))
        .route("/docs/{file}", get(file))
}

async fn file(Path(name): Path<String>) -> Result<Response, Problem> {
    let (media_type, content) = files::find(&name).ok_or_else(|| Problem::new(Code::NotFound))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, CACHE_CONTROL),
    ];
    Ok((headers, protection(), content).into_response())
}

fn page(html: String) -> Response {
    ([(header::CACHE_CONTROL, NO_CACHE)], protection(), Html(html)).into_response()
}

/// Returns the headers that keep browsers from loading anything else, and from displaying the pages within others.
fn protection() -> [(HeaderName, HeaderValue); 3] {
    [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ]
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::http::testing::Server;

    /// Everyone can read the pages, and all that they name is served with a policy that forbids everything else.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_pages_load_only_what_this_server_has(pool: PgPool) {
        let server = Server::start(&pool).await;
        let page = server.anonymous("/docs").await;
        let html = String::from_utf8(page.bytes.clone()).unwrap();
        let addresses = html.split(['"']).filter(|part| part.starts_with('/') && part.len() > 1);
        let addresses: Vec<_> = addresses.filter(|part| !part.contains('>')).map(str::to_owned).collect();
        assert_eq!(addresses, ["/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"]);
        assert!(!html.contains("://"), "{html}");
        for path in ["/docs".to_owned(), "/docs/problems".to_owned()].into_iter().chain(addresses) {
            let answer = server.anonymous(&path).await;
            assert_eq!(answer.status, 200, "{path}");
            let policy = answer.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe-eval"), "{policy}");
            assert!(!policy.contains("http"), "{policy}");
            let media_type = answer.headers["content-type"].to_str().unwrap();
            assert!(media_type.starts_with("text/"), "{path}: {media_type}");
        }
        for missing in ["/docs/", "/docs/openapi.json", "/docs/..%2Fmod.rs", "/docs/LICENSE"] {
            assert_eq!(server.anonymous(missing).await.status, 404, "{missing}");
        }
    }

    /// The `type` of a problem leads to the description of its code.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_type_of_a_problem_leads_to_its_description(pool: PgPool) {
        let server = Server::start(&pool).await;
        let problem = server.get("acme", "admin", "/v1/workflows/unknown").await.body;
        let (path, fragment) = problem["type"].as_str().unwrap().split_once('#').unwrap();
        let page = String::from_utf8(server.anonymous(path).await.bytes).unwrap();
        assert!(page.contains(&format!("id=\"{fragment}\"")), "{page}");
        for code in Code::ALL {
            assert!(page.contains(&format!("id=\"{}\"", code.as_str())), "{code:?}");
            assert!(!code.meaning().is_empty() && code.action().ends_with('.'), "{code:?}");
        }
    }
}
