//! TLS against a server with a private certificate authority that requires a client certificate. The files in
//! `testdata` are valid for a hundred years: the authority, and certificates for a server (`shop.example`) and a client.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use domain::workflow::HttpTls;
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};

use super::{HttpError, Redactor, Request, Resolver, Secrets, TestServer, rendered, send};

const CA: &str = include_str!("../testdata/ca.crt");
const CLIENT: [&str; 2] = [include_str!("../testdata/client.crt"), include_str!("../testdata/client.key")];
const SERVER: [&str; 2] = [include_str!("../testdata/server.crt"), include_str!("../testdata/server.key")];

/// Responds once on each connection with a client certificate of the authority.
fn serve() -> SocketAddr {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate(CA)).unwrap();
    let config = ServerConfig::builder()
        .with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
        .with_single_cert(
            vec![certificate(SERVER[0])],
            PrivateKeyDer::from_pem_slice(SERVER[1].as_bytes()).unwrap(),
        )
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            // The handshake fails without a client certificate, which is an error here.
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    address
}

fn secrets() -> Secrets {
    let values_of = |values: &[(&str, &str)]| {
        values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    [
        ("authority".to_owned(), values_of(&[("ca.crt", CA)])),
        ("client".to_owned(), values_of(&[("tls.crt", CLIENT[0]), ("tls.key", CLIENT[1])])),
        ("empty".to_owned(), values_of(&[("ca.crt", "none")])),
    ]
    .into()
}

async fn call(address: SocketAddr, ca: Option<&str>, client: Option<&str>) -> Result<u16, HttpError> {
    let target = TestServer { host: "shop.example".into(), addresses: vec![address] };
    let mut rendered = rendered(&target, "/");
    rendered.url = rendered.url.replace("http:", "https:");
    rendered.tls = HttpTls { ca: ca.map(str::to_owned), client: client.map(str::to_owned) };
    let request =
        Request::parse(rendered, ("run-7/price", telemetry::trace::TraceContext::begin()), &secrets())?;
    let sent = send(request, &Resolver::Test(vec![address]), &Redactor::default()).await;
    sent.map(|response| response.status)
}

/// A private authority and a client certificate are used where the step refers to them, and are required there.
#[tokio::test]
async fn a_private_authority_and_a_client_certificate_are_used() {
    let address = serve();
    assert_eq!(call(address, Some("authority"), Some("client")).await.unwrap(), 200);
    assert!(matches!(call(address, None, Some("client")).await, Err(HttpError::Send(_))));
    assert!(call(address, Some("authority"), None).await.is_err());
    assert!(matches!(call(address, Some("client"), None).await, Err(HttpError::Secret { .. })));
    assert!(matches!(call(address, Some("empty"), None).await, Err(HttpError::NoCertificate { .. })));
}
