//! Tests with Qdrant's own engine, or with the Qdrant at `QDRANT_URL`.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use domain::vectors::{Collection, Comparison, Hnsw, compare, model};
use qdrant_client::qdrant::{
    CreateCollectionBuilder, Distance, NamedVectors, PointStruct, UpsertPointsBuilder, VectorParamsBuilder,
};

use super::{Failure, ProvisionError, VectorDatabase};

/// Returns an environment variable of the test.
#[expect(clippy::disallowed_methods, reason = "tests are configured by variables")]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// A database with names that no other test uses. A local server ends with this value.
struct Fixture {
    database: VectorDatabase,
    name: String,
    _server: Option<Server>,
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Fixture {
    fn new(test: &str) -> Self {
        let name = format!("test-{test}-{}", std::process::id());
        let (url, key, server) = match variable("QDRANT_URL") {
            Some(url) => (url, variable("QDRANT_API_KEY"), None),
            None => {
                let (url, server) = local(&name);
                (url, Some("key".to_owned()), Some(server))
            }
        };
        let database = VectorDatabase::new(&url, key.as_deref(), name.clone()).unwrap();
        Self { database, name, _server: server }
    }

    /// Returns a collection with a name of this test.
    fn dedicated(&self, max_points: Option<u64>) -> Collection {
        Collection::dedicated(model("minilm").unwrap(), &self.name, &format!("uid-{}", self.name), max_points)
    }
}

fn local(name: &str) -> (String, Server) {
    let path = variable("SMBCOPILOT_TEST_QDRANT_PYTHONPATH").expect("cargo xtask test sets it");
    let folder = env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    let key = folder.join("key");
    fs::write(&key, "key").unwrap();
    let mut command = Command::new("python3");
    command.args(["-m", "local_qdrant", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
    command.arg("--api-key-file").arg(key).env("PYTHONPATH", path).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port: u16 =
        line.split([' ', ',']).find_map(|word| word.parse().ok()).expect("the server prints its port");
    (format!("http://127.0.0.1:{port}"), Server(child))
}

/// A collection is created as it should be, and a second set-up finds nothing to change.
#[tokio::test]
async fn a_collection_is_created_as_it_should_be() {
    let fixture = Fixture::new("create");
    let desired = fixture.dedicated(Some(500));
    for _ in 0..2 {
        fixture.database.provision_collection(&desired).await.unwrap();
        let observed = fixture.database.observe(&desired.name).await.unwrap().unwrap();
        assert_eq!(compare(&desired, &observed), Comparison::Mutable(Vec::new()));
    }
    let changed = Collection { hnsw: Hnsw { m: 8, payload_m: 8 }, ..fixture.dedicated(None) };
    fixture.database.provision_collection(&changed).await.unwrap();
    let observed = fixture.database.observe(&desired.name).await.unwrap().unwrap();
    assert_eq!(compare(&changed, &observed), Comparison::Mutable(Vec::new()));
    fixture.database.delete_collection(&desired.name).await.unwrap();
    assert_eq!(fixture.database.observe(&desired.name).await.unwrap(), None);
    fixture.database.delete_collection(&desired.name).await.unwrap();
}

/// The index of a shared collection separates tenants.
#[tokio::test]
async fn a_shared_collection_is_separated_by_tenant() {
    let fixture = Fixture::new("shared");
    let desired = Collection::shared(model("minilm").unwrap(), &fixture.name);
    let desired = Collection { name: fixture.name.clone(), ..desired };
    fixture.database.provision_collection(&desired).await.unwrap();
    let observed = fixture.database.observe(&desired.name).await.unwrap().unwrap();
    assert!(observed.has_tenant_index);
    assert_eq!(observed.hnsw, Hnsw { m: 0, payload_m: 16 });
    fixture.database.delete_collection(&desired.name).await.unwrap();
}

/// A collection without our mark is neither changed nor used, and an alias that names it is not moved.
#[tokio::test]
async fn a_collection_without_a_mark_is_left_alone() {
    let fixture = Fixture::new("foreign");
    let (database, desired) = (&fixture.database, fixture.dedicated(None));
    let vectors = VectorParamsBuilder::new(3, Distance::Dot);
    let foreign = CreateCollectionBuilder::new(&desired.name).vectors_config(vectors);
    database.client.create_collection(foreign).await.unwrap();
    let before = database.observe(&desired.name).await.unwrap();
    let refused = database.provision_collection(&desired).await;
    assert!(matches!(refused, Err(ProvisionError::NotOurs(_, None))), "{refused:?}");
    database.point_alias(&fixture.name, &desired.name).await.unwrap();
    let other = Collection { name: format!("{}-other", fixture.name), ..desired.clone() };
    let refused = database.provision_alias(&fixture.name, &other).await;
    assert!(matches!(refused, Err(ProvisionError::AliasTaken { .. })), "{refused:?}");
    assert_eq!(database.observe(&desired.name).await.unwrap(), before);
    database.delete_collection(&desired.name).await.unwrap();
}

/// Points of one tenant are deleted, and those of the others are not.
#[tokio::test]
async fn points_of_one_tenant_are_deleted() {
    let fixture = Fixture::new("points");
    let (database, desired) = (&fixture.database, fixture.dedicated(None));
    database.provision_collection(&desired).await.unwrap();
    let point = |id: u64, tenant: &str| {
        let vectors = NamedVectors::default().add_vector("dense", vec![1.0_f32; 384]);
        let mut payload = qdrant_client::Payload::new();
        payload.insert("tenant", tenant);
        PointStruct::new(id, vectors, payload)
    };
    let points = vec![point(1, "acme"), point(2, "acme"), point(3, "bolt")];
    database.client.upsert_points(UpsertPointsBuilder::new(&desired.name, points).wait(true)).await.unwrap();
    database.delete_points(&desired.name, "acme").await.unwrap();
    assert_eq!(database.count_points(&desired.name, "acme").await.unwrap(), 0);
    assert_eq!(database.count_points(&desired.name, "bolt").await.unwrap(), 1);
    database.delete_collection(&desired.name).await.unwrap();
}

/// A database that is down, and one that refuses the key, are told apart.
#[tokio::test]
async fn a_failure_says_whether_the_database_is_down() {
    let down = VectorDatabase::new("http://127.0.0.1:1", None, "cluster-1".to_owned()).unwrap();
    let error = down.observe("any").await.unwrap_err();
    assert!(matches!(error.failure, Failure::Unavailable(_)), "{error:?}");
    if variable("QDRANT_URL").is_none() {
        let (url, _server) = local(&format!("test-key-{}", std::process::id()));
        let other = VectorDatabase::new(&url, Some("other"), "cluster-1".to_owned()).unwrap();
        let error = other.observe("any").await.unwrap_err();
        assert!(matches!(error.failure, Failure::Unauthorized(_)), "{error:?}");
    }
}
