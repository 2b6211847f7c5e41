//! An SMTP server for tests, which receives mails and can refuse them.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use lettre::transport::smtp::client::Certificate;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufStream},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_rustls::TlsAcceptor;

use super::{Encryption, Mailer, MailerOptions};

/// Name in the certificate of the server.
const TLS_NAME: &str = "shop.example";
/// User name and password, as `AUTH PLAIN` sends them.
const CREDENTIALS: (&str, &str) = ("copilot", "secret");
const PLAIN_CREDENTIALS: &str = "AGNvcGlsb3QAc2VjcmV0";

/// Behavior of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behavior {
    /// Accepts all mails.
    Accept,
    /// Refuses all recipients for good.
    RefuseRecipients,
    /// Refuses the first recipient for now, and accepts all further ones.
    RefuseFirst,
    /// Never answers.
    Hang,
    /// Refuses connections.
    Down,
}

/// Mail that the server has accepted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) recipients: Vec<String>,
    /// Headers, with `\n` as ends of lines.
    pub(crate) headers: String,
    /// Decoded text, with `\n` as ends of lines.
    pub(crate) text: String,
    pub(crate) is_encrypted: bool,
    pub(crate) is_authenticated: bool,
}

/// SMTP server on a port of its own.
pub(crate) struct SmtpServer {
    port: u16,
    behavior: Behavior,
    encryption: Encryption,
    received: UnboundedReceiver<Received>,
    connections: Arc<AtomicUsize>,
}

impl SmtpServer {
    pub(crate) async fn start(behavior: Behavior, encryption: Encryption) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, received) = unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let session = Session { behavior, encryption, sender, connections: connections.clone() };
        if behavior != Behavior::Down {
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(session.clone().serve(stream));
                }
            });
        }
        Self { port, behavior, encryption, received, connections }
    }

    /// Returns a client of the server, which does not wait long.
    pub(crate) fn mailer(&self) -> Mailer {
        let credentials = (self.encryption != Encryption::None).then_some(CREDENTIALS);
        let options = MailerOptions {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            encryption: self.encryption,
            credentials: credentials.map(|(user, password)| (user.to_owned(), password.to_owned())),
            from: "SMB Copilot <no-reply@copilot.example>".to_owned(),
            invitation_url: "https://app.example/join#token={token}".to_owned(),
        };
        let authority = std::fs::read(file("ca.crt")).unwrap();
        let authority = Certificate::from_pem(&authority).unwrap();
        let mut mailer = Mailer::with_certificates(&options, TLS_NAME, vec![authority]).unwrap();
        mailer.first_retry_delay = Duration::from_millis(10);
        if self.behavior == Behavior::Hang {
            mailer.attempt_timeout = Duration::from_millis(300);
        }
        mailer
    }

    /// Waits for the next mail.
    pub(crate) async fn next(&mut self) -> Received {
        let next = tokio::time::timeout(Duration::from_secs(60), self.received.recv());
        next.await.expect("a mail arrives").expect("the server is running")
    }

    /// Returns whether all mails were taken with [`SmtpServer::next`].
    pub(crate) fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// Returns the number of connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

#[derive(Clone)]
struct Session {
    behavior: Behavior,
    encryption: Encryption,
    sender: UnboundedSender<Received>,
    connections: Arc<AtomicUsize>,
}

impl Session {
    async fn serve(self, stream: TcpStream) -> std::io::Result<()> {
        let connection = self.connections.fetch_add(1, Ordering::Relaxed);
        if self.behavior == Behavior::Hang {
            std::future::pending::<()>().await;
        }
        if self.encryption == Encryption::Implicit {
            let stream = acceptor().accept(stream).await?;
            return self.receive(&mut greeted(stream).await?, connection, true).await;
        }
        let mut stream = greeted(stream).await?;
        self.receive(&mut stream, connection, false).await?;
        if self.encryption == Encryption::Starttls {
            let stream = acceptor().accept(stream.into_inner()).await?;
            self.receive(&mut BufStream::new(stream), connection, true).await?;
        }
        Ok(())
    }

    /// Answers the commands of a client, until it quits or begins TLS.
    async fn receive(
        &self,
        stream: &mut BufStream<impl AsyncRead + AsyncWrite + Unpin>,
        connection: usize,
        is_encrypted: bool,
    ) -> std::io::Result<()> {
        let mut mail = Received { is_encrypted, ..Received::default() };
        while let Some(line) = read_line(stream).await? {
            let command = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let answer = match command.as_str() {
                "EHLO" if self.encryption == Encryption::Starttls && !is_encrypted => {
                    "250-test\r\n250 STARTTLS"
                }
                "EHLO" => "250-test\r\n250 AUTH PLAIN",
                "STARTTLS" => return answer(stream, "220 ready").await,
                "AUTH" if line == format!("AUTH PLAIN {PLAIN_CREDENTIALS}") => {
                    mail.is_authenticated = true;
                    "235 welcome"
                }
                "MAIL" => "250 ok",
                "RCPT" if self.behavior == Behavior::RefuseRecipients => "550 no such mailbox",
                "RCPT" if self.behavior == Behavior::RefuseFirst && connection == 0 => "451 try again later",
                "RCPT" => {
                    mail.recipients.push(line.trim_start_matches("RCPT TO:").to_owned());
                    "250 ok"
                }
                "DATA" => {
                    answer(stream, "354 go ahead").await?;
                    let mut content = String::new();
                    while let Some(line) = read_line(stream).await?.filter(|line| line != ".") {
                        content.push_str(line.strip_prefix('.').unwrap_or(&line));
                        content.push('\n');
                    }
                    let (headers, text) = content.split_once("\n\n").unwrap();
                    let text = quoted_printable::decode(text, quoted_printable::ParseMode::Robust).unwrap();
                    mail.headers = headers.to_owned();
                    mail.text = String::from_utf8(text).unwrap().replace("\r\n", "\n");
                    let _ = self.sender.send(mail.clone());
                    "250 queued"
                }
                "QUIT" => return answer(stream, "221 bye").await,
                _ => "502 unknown command",
            };
            self::answer(stream, answer).await?;
        }
        Ok(())
    }
}

async fn greeted<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> std::io::Result<BufStream<S>> {
    let mut stream = BufStream::new(stream);
    answer(&mut stream, "220 test").await?;
    Ok(stream)
}

async fn answer(
    stream: &mut BufStream<impl AsyncRead + AsyncWrite + Unpin>,
    answer: &str,
) -> std::io::Result<()> {
    stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    stream.flush().await
}

async fn read_line(
    stream: &mut BufStream<impl AsyncRead + AsyncWrite + Unpin>,
) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await?;
    Ok((read > 0).then(|| line.trim_end_matches("\r\n").to_owned()))
}

/// Returns the path of a certificate, which the runner's tests have as well.
fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../runner/src/action/http/testdata").join(name)
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(file("server.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
