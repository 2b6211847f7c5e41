//! Login with a browser at the local issuer, as one of the example people.

use anyhow::{Context as _, ensure};
use reqwest::{Client, RequestBuilder, Response, Url, header, redirect::Policy};
use serde_json::{Value, json};
use tests::environment::variable;

/// Browser that follows no redirect by itself, with one cookie.
struct Browser {
    http: Client,
    cookie: String,
}

impl Browser {
    fn new() -> anyhow::Result<Self> {
        // As in `cluster::config`: a second call fails, since the same provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().redirect(Policy::none()).build()?;
        Ok(Self { http, cookie: String::new() })
    }

    async fn send(&mut self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.header(header::COOKIE, &self.cookie).send().await?;
        let cookies = response.headers().get_all(header::SET_COOKIE).into_iter();
        let cookies = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        for cookie in cookies.filter(|cookie| !cookie.ends_with('=')) {
            self.cookie = cookie.to_owned();
        }
        Ok(response)
    }

    async fn get(&mut self, url: &str) -> anyhow::Result<Response> {
        let request = self.http.get(url);
        self.send(request).await
    }
}

fn location(response: &Response) -> anyhow::Result<String> {
    ensure!(response.status() == 303, "no redirect: {response:?}");
    let location = response.headers().get(header::LOCATION).context("no location")?;
    Ok(location.to_str()?.to_owned())
}

/// A browser that begins at the API is sent to the login page, comes back as the chosen person, and changes something with the
/// token of its session only.
#[tokio::test]
async fn an_example_person_logs_in_with_a_browser() -> anyhow::Result<()> {
    let api = variable("SMBCOPILOT_TEST_API_URL")?;
    let mut browser = Browser::new()?;
    let login = location(&browser.get(&format!("{api}/auth/login?returnTo=/v1/me")).await?)?;
    let page = browser.get(&login).await?.text().await?;
    assert!(page.contains("Ben Okafor") && page.contains("builder of acme"), "{page}");
    let choice = browser.http.post(&login).form(&[("person", "ben.okafor@acme.example")]);
    let back = location(&browser.send(choice).await?)?;
    assert!(back.starts_with(&format!("{api}/auth/callback?")), "{back}");
    assert_eq!(location(&browser.get(&back).await?)?, "/v1/me");

    let me: Value = browser.get(&format!("{api}/v1/me")).await?.json().await?;
    assert_eq!(me["email"], "ben.okafor@acme.example", "{me}");
    let session: Value = browser.get(&format!("{api}/auth/session")).await?.json().await?;
    assert_eq!(session["tenant"], "acme", "{session}");
    let checks = Url::parse(&api)?.join("/v1/authorization/checks")?;
    let body = json!({"checks": [{"action": "workflow.run.create"}]});
    let without = browser.http.post(checks.clone()).json(&body);
    assert_eq!(browser.send(without).await?.status(), 403, "without the token of the session");
    let token = session["csrfToken"].as_str().context("no csrfToken")?;
    let with = browser.http.post(checks).json(&body).header("x-csrf-token", token);
    let answer = browser.send(with).await?;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let logout = browser.http.post(format!("{api}/auth/logout")).header("x-csrf-token", token);
    assert_eq!(browser.send(logout).await?.status(), 204);
    Ok(())
}
