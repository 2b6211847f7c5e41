//! `GET /authorize` shows the login page, and `POST /authorize` sends the browser back with a code.

use std::sync::Arc;

use axum::{
    Form,
    extract::{Query, State},
    http::StatusCode,
    response::{Html, IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use crate::{
    Issuer,
    client::Request,
    codes::Grant,
    people::{self, PEOPLE, Person},
};

const STYLE: &str = "body{font-family:sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}\
    button{display:block;width:100%;margin:.5rem 0;padding:.75rem 1rem;font-size:1rem;text-align:left;cursor:pointer}\
    small{color:#555}";

/// Choice on the login page.
#[derive(Deserialize)]
pub(crate) struct Choice {
    /// Address of the person.
    person: String,
}

/// Shows the login page.
pub(crate) async fn show_page(State(issuer): State<Arc<Issuer>>, Query(request): Query<Request>) -> Response {
    match issuer.client.mistake(&request) {
        Some(mistake) => {
            (StatusCode::BAD_REQUEST, format!("the login cannot begin: {mistake}\n")).into_response()
        }
        None => Html(page(&request)).into_response(),
    }
}

/// Sends the browser back with a code for the person who was chosen.
pub(crate) async fn choose(
    State(issuer): State<Arc<Issuer>>,
    Query(request): Query<Request>,
    Form(Choice { person }): Form<Choice>,
) -> Response {
    let refused = |mistake: &str| {
        (StatusCode::BAD_REQUEST, format!("the login has failed: {mistake}\n")).into_response()
    };
    if let Some(mistake) = issuer.client.mistake(&request) {
        return refused(mistake);
    }
    let Some(person) = people::find(&person) else { return refused("there is no such person") };
    let Ok(mut url) = Url::parse(&request.redirect_uri) else { return refused("redirect_uri is not a URL") };
    let Request { redirect_uri, state, nonce, code_challenge, .. } = request;
    let code = issuer.codes.issue(Grant { person, redirect_uri, nonce, code_challenge });
    url.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &state)
        .append_pair("iss", &issuer.url);
    Redirect::to(url.as_str()).into_response()
}

fn page(request: &Request) -> String {
    let pairs = serde_json::to_value(request).unwrap_or_default();
    let pairs = pairs.as_object().into_iter().flatten();
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        query.append_pair(name, value.as_str().unwrap_or_default());
    }
    // The encoding leaves no character with a meaning in HTML but this one.
    let query = query.finish().replace('&', "&amp;");
    let button = |person: &Person| {
        let Person { name, email, tenant, role } = person;
        format!(
            "<button name=\"person\" value=\"{email}\">{name}<br><small>{role} of {tenant}, {email}</small></button>"
        )
    };
    let buttons: String = PEOPLE.iter().map(button).collect();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Log in</title><style>{STYLE}</style>\
         <h1>Who are you?</h1><p>The local system asks for no password.</p>\
         <form method=\"post\" action=\"/authorize?{query}\">{buttons}</form></html>\n"
    )
}
