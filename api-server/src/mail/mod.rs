//! Mail through an SMTP server.

mod invitation;
mod link;
#[cfg(test)]
pub(crate) mod testing;

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use clap::ValueEnum;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::Mailbox,
    transport::smtp::{
        self,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};
use telemetry::errors::chain;

pub use invitation::Invitation;
use link::LinkTemplate;

/// Time limit of one attempt, which normally takes less than a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// Delay before the second attempt. The third one follows after five times as long: a server that restarts, or that accepts the mail
/// of a new sender only when it is repeated, has time for it.
const FIRST_RETRY_DELAY: Duration = Duration::from_secs(3);
const RETRY_FACTOR: f32 = 5.0;
/// Maximum number of attempts after the first one.
const MAX_RETRIES: usize = 2;

/// Encryption of the connections to the SMTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Encryption {
    /// The connection begins without TLS and must change to it: usually port 587.
    Starttls,
    /// The connection begins with TLS: usually port 465.
    Implicit,
    /// The connection is not encrypted.
    None,
}

/// Configuration of a [`Mailer`].
#[derive(Clone)]
pub struct MailerOptions {
    /// Host name of the SMTP server, which its certificate must have.
    pub host: String,
    /// Port of the SMTP server.
    pub port: u16,
    /// Encryption of the connections.
    pub encryption: Encryption,
    /// User name and password.
    pub credentials: Option<(String, String)>,
    /// Sender, such as `SMB Copilot <no-reply@example.com>`.
    pub from: String,
    /// URL of the page on which an invitation is accepted, with `{token}` in place of the token.
    pub invitation_url: String,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MailerOptionsError {
    /// The sender is not an address.
    #[error(
        "failed to read the sender of mail, {from:?}: it must be an address, or a name and an address in angle brackets"
    )]
    From {
        /// Configured sender.
        from: String,
        /// Cause of the failure.
        source: lettre::address::AddressError,
    },
    /// The URL of invitations is not valid.
    #[error(
        "failed to read the URL of invitations, {url:?}: it must be a URL with {{token}} once, with the scheme https, or http on localhost, and at most 500 bytes"
    )]
    InvitationUrl {
        /// Configured URL.
        url: String,
    },
    /// The password would be readable on the network.
    #[error("failed to use a password without TLS: set the encryption to starttls or implicit")]
    PasswordWithoutTls,
    /// TLS cannot be set up.
    #[error("failed to set up TLS for mail")]
    Tls(#[source] smtp::Error),
}

/// A mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The mail cannot be built, for example because of the form of the address.
    #[error("failed to build the mail")]
    Build(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The SMTP server refuses the mail, or has no way to accept it.
    #[error("failed to send the mail: it was refused")]
    Refused(#[source] smtp::Error),
    /// The SMTP server cannot be reached, or the connection was lost.
    #[error("failed to send the mail: the SMTP server is unavailable")]
    Unavailable(#[source] smtp::Error),
    /// The SMTP server did not answer in time.
    #[error("failed to send the mail within {} s", .0.as_secs())]
    Timeout(Duration),
}

/// Client of an SMTP server. Each mail has a connection of its own.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    link: LinkTemplate,
    attempt_timeout: Duration,
    first_retry_delay: Duration,
}

impl Mailer {
    /// Creates a client. It connects when it sends a mail.
    ///
    /// # Errors
    /// Returns an error if the sender or the URL of invitations is not valid, or if there is a password without TLS.
    pub fn new(options: &MailerOptions) -> Result<Self, MailerOptionsError> {
        Self::with_certificates(options, &options.host, Vec::new())
    }

    /// Creates a client that trusts further certificates, for a server whose certificate has the name `tls_name`.
    fn with_certificates(
        options: &MailerOptions,
        tls_name: &str,
        certificates: Vec<Certificate>,
    ) -> Result<Self, MailerOptionsError> {
        let MailerOptions { host, port, encryption, credentials, from, invitation_url } = options;
        let link = LinkTemplate::parse(invitation_url)
            .ok_or_else(|| MailerOptionsError::InvitationUrl { url: invitation_url.clone() })?;
        let from: Mailbox =
            from.parse().map_err(|source| MailerOptionsError::From { from: from.clone(), source })?;
        if *encryption == Encryption::None && credentials.is_some() {
            return Err(MailerOptionsError::PasswordWithoutTls);
        }
        let parameters = || {
            let builder = TlsParameters::builder(tls_name.to_owned());
            let certificates = certificates.into_iter();
            let builder = certificates.fold(builder, |builder, root| builder.add_root_certificate(root));
            builder.build_rustls().map_err(MailerOptionsError::Tls)
        };
        let tls = match encryption {
            Encryption::Starttls => Tls::Required(parameters()?),
            Encryption::Implicit => Tls::Wrapper(parameters()?),
            Encryption::None => Tls::None,
        };
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.as_str())
            .port(*port)
            .tls(tls)
            .timeout(Some(ATTEMPT_TIMEOUT))
            // The name of the pod says nothing outside of the cluster.
            .hello_name(ClientId::Domain(from.email.domain().to_owned()));
        let transport = match credentials {
            Some((user, password)) => transport.credentials(Credentials::new(user.clone(), password.clone())),
            None => transport,
        };
        Ok(Self {
            transport: transport.build(),
            from,
            link,
            attempt_timeout: ATTEMPT_TIMEOUT,
            first_retry_delay: FIRST_RETRY_DELAY,
        })
    }

    /// Sends the mail of an invitation, with up to three attempts. Returns once the SMTP server has accepted the mail.
    ///
    /// # Errors
    /// Returns the error of the last attempt.
    pub async fn send_invitation(&self, invitation: &Invitation) -> Result<(), Error> {
        let message = invitation.message(&self.from, &self.link)?;
        let backoff = ExponentialBuilder::new()
            .with_min_delay(self.first_retry_delay)
            .with_factor(RETRY_FACTOR)
            .with_max_times(MAX_RETRIES)
            .with_jitter();
        let attempt = || self.attempt(&message);
        attempt
            .retry(backoff)
            .when(Error::is_transient)
            .notify(|error, delay| {
                tracing::info!(
                    invitation.id = %invitation.id,
                    retry_in = ?delay,
                    error = chain(error),
                    "the mail of an invitation was not sent yet"
                );
            })
            .await
    }

    async fn attempt(&self, message: &Message) -> Result<(), Error> {
        let bytes = message.formatted();
        let sent =
            tokio::time::timeout(self.attempt_timeout, self.transport.send_raw(message.envelope(), &bytes));
        match sent.await {
            Ok(answer) => Ok(answer.map(drop)?),
            Err(_) => Err(Error::Timeout(self.attempt_timeout)),
        }
    }
}

impl Error {
    /// Returns whether the SMTP server has refused the mail, as opposed to being unavailable.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Build(_) | Self::Refused(_))
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Build(_) => false,
            Self::Refused(source) => source.is_transient(),
            Self::Unavailable(_) | Self::Timeout(_) => true,
        }
    }
}

impl From<smtp::Error> for Error {
    fn from(source: smtp::Error) -> Self {
        // Errors of the client are features that the server lacks, such as STARTTLS, or addresses that are not ASCII.
        match source.is_permanent() || source.is_transient() || source.is_client() {
            true => Self::Refused(source),
            false => Self::Unavailable(source),
        }
    }
}
