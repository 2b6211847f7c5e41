//! The configuration of the api-server: flags, each with an environment variable.

use std::{
    net::SocketAddr,
    num::{NonZeroU8, NonZeroU16, NonZeroUsize},
    path::PathBuf,
    sync::Arc,
};

use anyhow::Context as _;
use clap::Args;
use embedder::{
    Embedder,
    openai::{self, ApiKey, OpenAi, Prefixes},
};
use url::Url;

use crate::{
    auth::TokenClaims,
    db::{self, Urls},
    mail::{Encryption, Mailer, MailerOptions},
    objects::{Credentials, Location, Objects},
    vectors::Vectors,
};

/// Configuration of the api-server.
#[derive(Clone, Args)]
#[group(id = "api-server")]
pub struct Options {
    /// Options of the log.
    #[command(flatten)]
    pub logs: telemetry::logs::Options,
    /// Options of the database.
    #[command(flatten)]
    pub database: Database,
    /// Listen address of REST and GraphQL.
    #[arg(long, env = "SMBCOPILOT_HTTP_ADDR", default_value = "0.0.0.0:8080", global = true)]
    pub http_addr: SocketAddr,
    /// Address ranges of the proxies in front of REST and GraphQL, separated by commas, such as `10.0.0.0/8`. Their
    /// `X-Forwarded-For` names the client, whose connections and requests are limited by its address. Without it, all
    /// clients behind a proxy share the limits of one address.
    #[arg(long, env = "SMBCOPILOT_TRUSTED_PROXIES", default_value = "", global = true)]
    pub trusted_proxies: String,
    /// Time after which a connection without a request is closed, in seconds. It must be longer than the time for which a
    /// proxy in front of the API keeps idle connections: otherwise the proxy may use a connection that is being closed, and
    /// answer 502.
    #[arg(long, env = "SMBCOPILOT_IDLE_TIMEOUT_SECONDS", default_value = "90", global = true)]
    pub idle_timeout_seconds: NonZeroU16,
    /// Time for which new connections are accepted after SIGTERM, in seconds: until the proxies and the Service have noticed that
    /// the replica is not ready. Requests in progress then have 20 s to finish.
    #[arg(long, env = "SMBCOPILOT_DRAIN_DELAY_SECONDS", default_value = "5", global = true)]
    pub drain_delay_seconds: u8,
    /// Listen address of the internal API for runners, which must not be reachable through an Ingress.
    #[arg(long, env = "SMBCOPILOT_INTERNAL_LISTEN", default_value = "0.0.0.0:8081", global = true)]
    pub internal_listen: SocketAddr,
    /// Options of the object storage.
    #[command(flatten)]
    pub objects: ObjectStore,
    /// Options of the vectors of documents.
    #[command(flatten)]
    pub vectors: VectorOptions,
    /// Options of workers.
    #[command(flatten)]
    pub worker: Worker,
    /// Options of mail.
    #[command(flatten)]
    pub mail: Mail,
    /// Listen address of health endpoints and metrics.
    #[arg(long, env = "SMBCOPILOT_HEALTH_ADDR", default_value = "0.0.0.0:9090", global = true)]
    pub health_addr: SocketAddr,
    /// Trusted token issuers, as a JSON list of `{issuer, audience, jwksUrl?, algorithms?, tenants?, trustedForEmail?,
    /// justInTime?, clientId?, clientSecretFile?}`. Without `jwksUrl`, the keys are found by OpenID Connect discovery; without `algorithms`, only RS256 is
    /// accepted; with `tenants`, an issuer may sign tokens of these tenants only, and none with platform roles. With
    /// `trustedForEmail`, the first login of a person with a verified address makes an invited user active; with `justInTime:
    /// {defaultRole, domains}`, it creates a user if the address has one of these domains. With `clientId`, people log in with a browser
    /// at `/auth/login`; `clientSecretFile` is a file with the secret of the client.
    #[arg(long, env = "SMBCOPILOT_OIDC_ISSUERS", default_value = "[]", global = true)]
    pub oidc_issuers: String,
    /// URL under which browsers reach the server, such as `https://copilot.acme.example`. Required if an issuer has a `clientId`; the
    /// issuer then sends browsers back to `/auth/callback` under this URL.
    #[arg(long, env = "SMBCOPILOT_PUBLIC_URL", global = true)]
    pub public_url: Option<Url>,
    /// When the claims `smb_tenant` and `smb_roles` of tokens give access to a tenant, without a user in the database: `always`,
    /// `bootstrap` (until the tenant has an active user) or `never`.
    #[arg(long, env = "SMBCOPILOT_TOKEN_CLAIMS", default_value = "bootstrap", global = true)]
    pub token_claims: TokenClaims,
    /// Key that signs the cursors of lists: at least 16 characters, the same for all replicas. Required to serve.
    #[arg(long, env = "SMBCOPILOT_CURSOR_KEY", hide_env_values = true, global = true)]
    pub cursor_key: Option<String>,
    /// File or folder with trusted GraphQL documents. Only these are executed then: a file `*.graphql` or `*.gql` is one
    /// document, and a file `*.json` is an object with documents by their SHA-256. Without it, all documents are executed.
    #[arg(long, env = "SMBCOPILOT_TRUSTED_DOCUMENTS", global = true)]
    pub trusted_documents: Option<PathBuf>,
    /// Identity of this replica in the lease: the name of its pod.
    #[arg(long, env = "POD_NAME", default_value = "api-server", global = true)]
    pub pod_name: String,
    /// Namespace of the lease; defaults to the pod's own.
    #[arg(long, env = "SMBCOPILOT_RELEASE_NAMESPACE", global = true)]
    pub release_namespace: Option<String>,
    /// Name of the lease that elects the replica that mirrors Kubernetes.
    #[arg(long, env = "SMBCOPILOT_MIRROR_LEASE_NAME", default_value = "smb-copilot-mirror", global = true)]
    pub mirror_lease_name: String,
}

/// Options of the object storage: a directory, or an S3-compatible bucket. The variables of the bucket are those of the
/// AWS tools.
#[derive(Clone, Args)]
pub struct ObjectStore {
    /// URL of the object storage: `file:///directory`, which all replicas must share, or `s3://bucket/prefix`. Without
    /// it, runs with large outputs fail with an error that says so.
    #[arg(long, env = "SMBCOPILOT_OBJECT_STORE_URL", global = true)]
    pub object_store_url: Option<String>,
    /// Endpoint of the bucket; defaults to Amazon S3.
    #[arg(long, env = "AWS_ENDPOINT_URL", global = true)]
    pub aws_endpoint_url: Option<String>,
    /// Region of the bucket.
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1", global = true)]
    pub aws_region: String,
    /// Access key ID of the bucket. Without it, the credentials of the machine or of the service account are used.
    #[arg(long, env = "AWS_ACCESS_KEY_ID", hide_env_values = true, global = true)]
    pub aws_access_key_id: Option<String>,
    /// Secret access key of the bucket.
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true, global = true)]
    pub aws_secret_access_key: Option<String>,
    /// Session token of temporary credentials.
    #[arg(long, env = "AWS_SESSION_TOKEN", hide_env_values = true, global = true)]
    pub aws_session_token: Option<String>,
}

impl ObjectStore {
    /// Opens the object storage; returns `None` if none is configured.
    ///
    /// # Errors
    /// Returns an error if its configuration is not valid.
    pub fn open(&self) -> anyhow::Result<Option<Objects>> {
        let Some(url) = self.object_store_url.as_deref().filter(|url| !url.is_empty()) else {
            return Ok(None);
        };
        let location: Location = url.parse().context("failed to read SMBCOPILOT_OBJECT_STORE_URL")?;
        Ok(Some(Objects::open(location, self.credentials())?))
    }

    /// Returns the credentials and the endpoint of the bucket.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        let non_empty = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Credentials {
            endpoint: non_empty(&self.aws_endpoint_url),
            region: self.aws_region.clone(),
            key: non_empty(&self.aws_access_key_id).zip(non_empty(&self.aws_secret_access_key)),
            session_token: non_empty(&self.aws_session_token),
        }
    }
}

/// Options of the vectors of documents. The embedding model has to be that of the plans, and the same for all replicas and workers.
#[derive(Clone, Args)]
#[group(id = "vectors")]
pub struct VectorOptions {
    /// URL of the gRPC port of Qdrant: that of the operator. Without it, documents are ready without vectors, and cannot be searched.
    #[arg(long, env = "SMBCOPILOT_QDRANT_URL", global = true)]
    pub qdrant_url: Option<String>,
    /// API key of Qdrant.
    #[arg(long, env = "SMBCOPILOT_QDRANT_API_KEY", hide_env_values = true, global = true)]
    pub qdrant_api_key: Option<String>,
    /// URL of an API like that of OpenAI, to which `/embeddings` is appended, such as `https://api.openai.com/v1`. Without it, documents are
    /// searched by their words only.
    #[arg(long, env = "SMBCOPILOT_EMBEDDINGS_URL", global = true)]
    pub embeddings_url: Option<String>,
    /// Name of the embedding model. Required with a URL.
    #[arg(long, env = "SMBCOPILOT_EMBEDDINGS_MODEL", global = true)]
    pub embeddings_model: Option<String>,
    /// API key of the embedding model, if its server requires one.
    #[arg(long, env = "SMBCOPILOT_EMBEDDINGS_API_KEY", hide_env_values = true, global = true)]
    pub embeddings_api_key: Option<String>,
    /// Number of dimensions of the vectors of the embedding model; the default is that of all-MiniLM-L6-v2.
    #[arg(long, env = "SMBCOPILOT_EMBEDDINGS_DIMENSIONS", default_value = "384", global = true)]
    pub embeddings_dimensions: NonZeroU16,
}

impl VectorOptions {
    /// Returns the vector database with the embedding model; `None` if no database is configured.
    ///
    /// # Errors
    /// Returns an error if a URL is not valid, or if the name of the embedding model is missing.
    pub fn open(&self) -> anyhow::Result<Option<Vectors>> {
        let non_empty = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let Some(url) = non_empty(&self.qdrant_url) else { return Ok(None) };
        let key = non_empty(&self.qdrant_api_key);
        let vectors = Vectors::new(&url, key.as_deref(), self.embedder()?);
        Ok(Some(vectors.with_context(|| format!("failed to use {url} as SMBCOPILOT_QDRANT_URL"))?))
    }

    fn embedder(&self) -> anyhow::Result<Option<Arc<dyn Embedder>>> {
        let non_empty = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let Some(url) = non_empty(&self.embeddings_url) else { return Ok(None) };
        let config = openai::Config {
            base_url: url.parse().context("failed to read SMBCOPILOT_EMBEDDINGS_URL")?,
            api_key: non_empty(&self.embeddings_api_key).map(ApiKey::new),
            model: non_empty(&self.embeddings_model)
                .context("no name of the embedding model: set SMBCOPILOT_EMBEDDINGS_MODEL")?,
            dimensions: NonZeroUsize::from(self.embeddings_dimensions),
            request_dimensions: false,
            prefixes: Prefixes::default(),
            limits: openai::Limits::default(),
            query_limits: openai::Limits::for_queries(),
        };
        Ok(Some(Arc::new(OpenAi::new(config)?)))
    }
}

/// Options of workers, which process documents.
#[derive(Clone, Args)]
#[group(id = "worker")]
pub struct Worker {
    /// Path of the program `document-parser`; defaults to the folder of this program.
    #[arg(long, env = "SMBCOPILOT_DOCUMENT_PARSER", global = true)]
    pub document_parser: Option<PathBuf>,
    /// Number of documents that a worker processes at the same time. Each can take 768 MiB of memory and one CPU.
    #[arg(long, env = "SMBCOPILOT_WORKER_CONCURRENCY", default_value = "2", global = true)]
    pub worker_concurrency: NonZeroU8,
}

impl Worker {
    /// Returns the path of the program that reads contents.
    ///
    /// # Errors
    /// Returns an error if the program does not exist.
    pub fn document_parser(&self) -> anyhow::Result<PathBuf> {
        let configured = self.document_parser.clone().filter(|path| !path.as_os_str().is_empty());
        let path = match configured {
            Some(path) => path,
            None => std::env::current_exe()
                .context("failed to find the folder of this program")?
                .with_file_name("document-parser"),
        };
        let exists = path.is_file();
        anyhow::ensure!(exists, "{} does not exist: set SMBCOPILOT_DOCUMENT_PARSER", path.display());
        Ok(path)
    }
}

/// Options of mail. Without an SMTP server, invitations are handed over by whoever creates them.
#[derive(Clone, Args)]
pub struct Mail {
    /// Host name of the SMTP server that sends invitations.
    #[arg(long, env = "SMBCOPILOT_SMTP_HOST", global = true)]
    pub smtp_host: Option<String>,
    /// Port of the SMTP server.
    #[arg(long, env = "SMBCOPILOT_SMTP_PORT", default_value = "587", global = true)]
    pub smtp_port: NonZeroU16,
    /// Encryption of the connections to the SMTP server: `starttls`, `implicit` or `none`. With `starttls`, a server that does not offer
    /// it gets no mail.
    #[arg(long, env = "SMBCOPILOT_SMTP_TLS", default_value = "starttls", global = true)]
    pub smtp_tls: Encryption,
    /// Sender of mail, such as `SMB Copilot <no-reply@example.com>`. Required with an SMTP server.
    #[arg(long, env = "SMBCOPILOT_SMTP_FROM", global = true)]
    pub smtp_from: Option<String>,
    /// User name at the SMTP server. Without it, mail is sent without authentication.
    #[arg(long, env = "SMBCOPILOT_SMTP_USERNAME", hide_env_values = true, global = true)]
    pub smtp_username: Option<String>,
    /// Password at the SMTP server.
    #[arg(long, env = "SMBCOPILOT_SMTP_PASSWORD", hide_env_values = true, global = true)]
    pub smtp_password: Option<String>,
    /// URL of the page on which a person accepts an invitation, with `{token}` in place of the token, such as
    /// `https://app.example.com/join#token={token}`. Required with an SMTP server.
    #[arg(long, env = "SMBCOPILOT_INVITATION_URL", global = true)]
    pub invitation_url: Option<String>,
}

impl Mail {
    /// Returns the client of the SMTP server, or `None` if none is configured.
    ///
    /// # Errors
    /// Returns an error if the sender or the URL of invitations is missing or not valid, or if there is a password without TLS.
    pub fn mailer(&self) -> anyhow::Result<Option<Mailer>> {
        let non_empty = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let Some(host) = non_empty(&self.smtp_host) else { return Ok(None) };
        let options = MailerOptions {
            host,
            port: self.smtp_port.get(),
            encryption: self.smtp_tls,
            credentials: non_empty(&self.smtp_username).zip(non_empty(&self.smtp_password)),
            from: non_empty(&self.smtp_from).context("no sender of mail: set SMBCOPILOT_SMTP_FROM")?,
            invitation_url: non_empty(&self.invitation_url)
                .context("no URL for the mail of invitations: set SMBCOPILOT_INVITATION_URL")?,
        };
        Ok(Some(Mailer::new(&options)?))
    }
}

/// Options of the database. Only the owner's URL is required: see `docs/decisions/0002-database-roles.md`.
#[derive(Clone, Args)]
pub struct Database {
    /// Database URL of the owner of the schema, who runs the migrations. Required.
    #[arg(long, env = "SMBCOPILOT_MIGRATION_DATABASE_URL", hide_env_values = true, global = true)]
    pub migration_database_url: Option<String>,
    /// Database URL of a login that is `smb_app` or a member of it; derived from the owner's URL by default.
    #[arg(long, env = "SMBCOPILOT_DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    /// Database URL of a login that is `smb_mirror` or a member of it; derived from the owner's URL by default.
    #[arg(long, env = "SMBCOPILOT_MIRROR_DATABASE_URL", hide_env_values = true, global = true)]
    pub mirror_database_url: Option<String>,
}

impl Database {
    /// Returns the URLs of the three roles.
    ///
    /// # Errors
    /// Returns an error if the owner's URL is missing or a URL does not parse.
    pub fn urls(&self) -> anyhow::Result<Urls> {
        Ok(Urls::new(self.owner_url()?, self.database_url.as_deref(), self.mirror_database_url.as_deref())?)
    }

    /// Migrates the database.
    ///
    /// # Errors
    /// Returns an error if the database cannot be reached or a migration fails.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        let derived = self.database_url.is_none() || self.mirror_database_url.is_none();
        let logins_of = if derived { Some(self.owner_url()?) } else { None };
        Ok(db::migrate(&self.urls()?, logins_of).await?)
    }

    fn owner_url(&self) -> anyhow::Result<&str> {
        self.migration_database_url
            .as_deref()
            .context("no database is configured: set SMBCOPILOT_MIGRATION_DATABASE_URL")
    }
}
