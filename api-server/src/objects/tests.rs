//! Conformance tests of every kind of object storage.

use http_body_util::BodyExt as _;

use super::{Credentials, Location, Objects};

async fn read(objects: &Objects, name: &str) -> Option<Vec<u8>> {
    let content = objects.get(name).await.unwrap()?;
    let bytes = axum::body::Body::from_stream(content.stream).collect().await.unwrap().to_bytes().to_vec();
    assert_eq!(content.bytes, u64::try_from(bytes.len()).unwrap());
    Some(bytes)
}

/// Checks everything that the api-server requires of an object storage.
async fn conforms(objects: &Objects) {
    let name = format!("outputs/{}/0a1b", telemetry::ids::uuid_v7());
    assert_eq!(read(objects, &name).await, None);
    objects.delete(&name).await.unwrap();

    let large: Vec<u8> = (0..16 * 1024 * 1024_u32).map(|byte| byte.to_le_bytes()[0]).collect();
    objects.put(&name, large.clone().into(), "application/octet-stream").await.unwrap();
    assert!(read(objects, &name).await.unwrap() == large, "16 MiB were read back differently");

    let both = tokio::join!(
        objects.put(&name, b"short".to_vec().into(), "text/plain"),
        objects.put(&name, b"short".to_vec().into(), "text/plain")
    );
    assert!(both.0.is_ok() && both.1.is_ok());
    assert_eq!(read(objects, &name).await.unwrap(), b"short");

    let empty = format!("{name}-empty");
    objects.put(&empty, Vec::new().into(), "text/plain").await.unwrap();
    assert_eq!(read(objects, &empty).await.unwrap(), b"");

    for name in [name, empty] {
        objects.delete(&name).await.unwrap();
        assert_eq!(read(objects, &name).await, None);
    }

    let folder = format!("exports/acme/{}", telemetry::ids::uuid_v7());
    let inside = [format!("{folder}/manifest.json"), format!("{folder}/outputs/run/0a1b")];
    let beside = format!("{folder}-beside/manifest.json");
    for name in inside.iter().chain([&beside]) {
        objects.put(name, b"any".to_vec().into(), "text/plain").await.unwrap();
    }
    for _ in 0..2 {
        objects.delete_folder(&format!("{folder}/")).await.unwrap();
        for name in &inside {
            assert_eq!(read(objects, name).await, None);
        }
    }
    assert!(read(objects, &beside).await.is_some(), "another folder was deleted");
    objects.delete(&beside).await.unwrap();
}

fn credentials(endpoint: Option<String>, secret: &str) -> Credentials {
    Credentials {
        endpoint,
        region: "us-east-1".to_owned(),
        key: Some(("smb-test".to_owned(), secret.to_owned())),
        session_token: None,
    }
}

/// A directory returns objects unchanged.
#[tokio::test]
async fn a_directory_conforms() {
    let root = std::env::temp_dir().join(format!("smb-objects-{}", telemetry::ids::uuid_v7()));
    let objects = Objects::open(Location::Directory(root.clone()), credentials(None, "")).unwrap();
    conforms(&objects).await;
    std::fs::remove_dir_all(root).unwrap();
}

/// A real S3 server, which is stopped when the test ends.
struct Server {
    process: std::process::Child,
    folder: std::path::PathBuf,
    url: String,
}

impl Server {
    async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let program = std::env::var_os("SMBCOPILOT_TEST_S3_PROGRAM").expect(
            "no S3 server: run `cargo xtask test postgres`, or set SMBCOPILOT_TEST_S3_PROGRAM to SeaweedFS",
        );
        let folder = std::env::temp_dir().join(format!("smb-s3-{}", telemetry::ids::uuid_v7()));
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let identities = serde_json::json!({"identities": [{
            "name": "test",
            "credentials": [{"accessKey": "smb-test", "secretKey": "smb-test-secret"}],
            "actions": ["Admin", "Read", "Write", "List"],
        }]});
        std::fs::write(folder.join("s3.json"), identities.to_string()).unwrap();
        let [master, volume, filer, s3] = ports();
        let process = std::process::Command::new(program)
            .current_dir(&folder)
            .args(["server", "-dir=data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=4"])
            .args(["-filer", "-s3", "-s3.config=s3.json", "-master.volumeSizeLimitMB=64"])
            .arg(format!("-master.port={master}"))
            .arg(format!("-volume.port={volume}"))
            .arg(format!("-filer.port={filer}"))
            .arg(format!("-s3.port={s3}"))
            .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
            .stdout(std::process::Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let server = Self { process, folder, url: format!("http://127.0.0.1:{s3}") };
        server.wait_until_ready().await;
        server
    }

    /// Waits until the server is ready: its parts need some seconds to find each other.
    async fn wait_until_ready(&self) {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        let objects = self.objects("smb-test-secret");
        while let Err(error) = objects.put("ready", b"yes".to_vec().into(), "text/plain").await {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(
                tokio::time::Instant::now() < deadline,
                "the S3 server does not become ready: {error}\n{log}"
            );
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    fn objects(&self, secret: &str) -> Objects {
        let location: Location = "s3://smb-test/some/prefix".parse().unwrap();
        Objects::open(location, credentials(Some(self.url.clone()), secret)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Returns free ports. The server also listens on each of them plus 10,000.
fn ports() -> [u16; 4] {
    let free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut found = (20_000 + telemetry::ids::uuid_v7().as_u128() % 9_000)
        .try_into()
        .map(|first: u16| (first..30_000).filter(|port| free(*port) && free(port + 10_000)))
        .unwrap();
    std::array::from_fn(|_| found.next().unwrap())
}

/// A bucket returns objects unchanged, and a wrong key is reported as refused rather than as an unreachable
/// storage.
#[tokio::test]
async fn a_bucket_conforms_and_refuses_a_wrong_key() {
    let server = Server::start().await;
    conforms(&server.objects("smb-test-secret")).await;
    let error = server.objects("another").put("x", b"x".to_vec().into(), "text/plain").await.unwrap_err();
    use object_store::Error::{PermissionDenied, Unauthenticated};
    assert!(matches!(error.source, PermissionDenied { .. } | Unauthenticated { .. }), "{error:?}");
}
