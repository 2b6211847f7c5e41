//! Token issuer of a local system. It serves the discovery document and the key set that `cargo xtask up` has written, and lets the
//! example people log in without a password: never use it for anything else.

mod authorize;
mod client;
mod codes;
mod people;
#[cfg(test)]
mod tests;
mod token;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use axum::{Router, http::header, routing::get};
use clap::Parser;
use jsonwebtoken::EncodingKey;
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::Value;
use telemetry::logs;
use tokio::net::TcpListener;

use crate::{client::Client, codes::Codes};

/// Command line.
#[derive(Parser)]
struct Config {
    /// Address to listen on.
    #[arg(long, default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Folder with the discovery document `openid-configuration` and the key set `jwks.json`.
    #[arg(long)]
    documents: PathBuf,
    /// Private key on the curve P-256 (PKCS#8, PEM). The key set has its public key.
    #[arg(long)]
    key: PathBuf,
    /// ID of the client that lets people log in.
    #[arg(long)]
    client_id: String,
    /// Address to which browsers are sent back.
    #[arg(long)]
    redirect_uri: String,
    #[command(flatten)]
    logs: logs::Options,
}

/// What the routes need.
struct Issuer {
    url: String,
    client: Client,
    codes: Codes,
    key: EncodingKey,
    key_id: String,
    discovery: String,
    keys: String,
}

impl Issuer {
    fn load(config: &Config) -> anyhow::Result<Self> {
        let discovery = read(&config.documents.join("openid-configuration"))?;
        let keys = read(&config.documents.join("jwks.json"))?;
        let text = |document: &str, pointer: &str| -> anyhow::Result<String> {
            let value: Value = serde_json::from_str(document)?;
            let text = value.pointer(pointer).and_then(Value::as_str);
            Ok(text.with_context(|| format!("{pointer} is missing"))?.to_owned())
        };
        let key = PrivatePkcs8KeyDer::from_pem_file(&config.key)
            .with_context(|| format!("failed to read {}", config.key.display()))?;
        Ok(Self {
            url: text(&discovery, "/issuer").context("failed to read the discovery document")?,
            key_id: text(&keys, "/keys/0/kid").context("failed to read the key set")?,
            client: Client { id: config.client_id.clone(), redirect_uri: config.redirect_uri.clone() },
            codes: Codes::default(),
            key: EncodingKey::from_ec_der(key.secret_pkcs8_der()),
            discovery,
            keys,
        })
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
}

fn routes(issuer: Arc<Issuer>) -> Router {
    let document = |text: String| get(async move || ([(header::CONTENT_TYPE, "application/json")], text));
    Router::new()
        .route("/.well-known/openid-configuration", document(issuer.discovery.clone()))
        .route("/jwks.json", document(issuer.keys.clone()))
        .route("/authorize", get(authorize::show_page).post(authorize::choose))
        .route("/token", axum::routing::post(token::exchange))
        .with_state(issuer)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::parse();
    logs::init(&config.logs, "issuer")?;
    let issuer = Arc::new(Issuer::load(&config)?);
    let listener = TcpListener::bind(config.listen).await.context("failed to listen")?;
    let stop = telemetry::shutdown::on_signals()?;
    axum::serve(listener, routes(issuer)).with_graceful_shutdown(stop.cancelled_owned()).await?;
    Ok(())
}
