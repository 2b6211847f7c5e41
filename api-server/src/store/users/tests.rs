//! Tests of the rules that the database enforces.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{ACTIVE_OWNER, EMAIL_OF_PLATFORM, EMAIL_OF_TENANT, IDENTITY};
use crate::{
    auth::{FoundLogin, Identity, TenantScope, UserLookup as _},
    db::{AppPool, MIGRATOR, testing::app_pool},
    mirror::testing::store,
    project::testing::{tenant, uid},
    store::TenantTx,
};

const ANNA: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);

async fn execute(connection: &mut PgConnection, sql: &'static str, user: Uuid) -> sqlx::Result<u64> {
    let tenant = uid("acme");
    let result = sqlx::query(sql).bind(tenant).bind(user).execute(connection).await?;
    Ok(result.rows_affected())
}

async fn begin(app: &AppPool, slug: &str) -> TenantTx {
    TenantTx::begin(app, TenantScope::for_tests(uid(slug))).await.unwrap()
}

/// Adds an active owner of acme.
async fn add_owner(app: &AppPool, user: Uuid) {
    let mut tx = begin(app, "acme").await;
    let (connection, _) = tx.connection_and_tenant();
    let insert = "insert into users (id, tenant_id, email, email_key, status)
                  values ($2, $1, $2 || '@acme.example', $2 || '@acme.example', 'ACTIVE')";
    execute(connection, insert, user).await.unwrap();
    let role = "insert into user_roles (tenant_id, user_id, role) values ($1, $2, 'owner')";
    execute(connection, role, user).await.unwrap();
    tx.commit().await.unwrap();
}

fn constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|error| error.constraint())
}

async fn two_tenants(owner: &PgPool) -> AppPool {
    store(owner, [tenant("acme").build(), tenant("globex").build()]).await;
    app_pool(owner).await
}

const DEACTIVATE: &str = "update users set status = 'DEACTIVATED' where tenant_id = $1 and id = $2";
const REMOVE_ROLE: &str = "delete from user_roles where tenant_id = $1 and user_id = $2 and role = 'owner'";

/// Two transactions that each remove one of the last two owners never both succeed, whichever way they remove them.
#[sqlx::test(migrator = "MIGRATOR")]
async fn two_removals_at_once_leave_an_owner(owner: PgPool) {
    let app = two_tenants(&owner).await;
    for (first, second) in [
        (DEACTIVATE, DEACTIVATE),
        (REMOVE_ROLE, DEACTIVATE),
        (DEACTIVATE, REMOVE_ROLE),
        (REMOVE_ROLE, REMOVE_ROLE),
    ] {
        sqlx::query("truncate users cascade").execute(&owner).await.unwrap();
        add_owner(&app, ANNA).await;
        add_owner(&app, BOB).await;
        let (mut one, mut other) = (begin(&app, "acme").await, begin(&app, "acme").await);
        assert_eq!(execute(one.connection_and_tenant().0, first, ANNA).await.unwrap(), 1);
        let waiting = execute(other.connection_and_tenant().0, second, BOB);
        let mut waiting = std::pin::pin!(waiting);
        wait_until_blocked(&owner, &mut waiting).await;
        one.commit().await.unwrap();
        let refused = waiting.await.unwrap_err();
        assert_eq!(constraint(&refused), Some(ACTIVE_OWNER), "{first} {second}: {refused}");
    }
}

/// Polls a statement until the database says that it waits for a lock.
async fn wait_until_blocked(
    owner: &PgPool,
    statement: &mut (impl Future<Output = sqlx::Result<u64>> + Unpin),
) {
    let deadline = telemetry::clock::now().as_second() + 20;
    loop {
        let blocked = sqlx::query_scalar(
            "select exists (select from pg_locks where locktype = 'advisory' and not granted)",
        );
        tokio::select! {
            result = &mut *statement => panic!("the second removal did not wait: {result:?}"),
            blocked = blocked.fetch_one(owner) => if blocked.unwrap() { return },
        }
        assert!(telemetry::clock::now().as_second() < deadline);
    }
}

/// The last active owner can lose neither its role nor its status, other users can, and the data of a deleted tenant is deleted.
#[sqlx::test(migrator = "MIGRATOR")]
async fn the_last_owner_remains(owner: PgPool) {
    let app = two_tenants(&owner).await;
    add_owner(&app, ANNA).await;
    for statement in [DEACTIVATE, REMOVE_ROLE] {
        let mut tx = begin(&app, "acme").await;
        let refused = execute(tx.connection_and_tenant().0, statement, ANNA).await.unwrap_err();
        assert_eq!(constraint(&refused), Some(ACTIVE_OWNER), "{statement}");
    }
    add_owner(&app, BOB).await;
    for (statement, rows) in [
        (DEACTIVATE, 1),
        // Nobody but the end of a tenant deletes an active user.
        ("delete from users where tenant_id = $1 and id = $2", 0),
    ] {
        let mut tx = begin(&app, "acme").await;
        assert_eq!(execute(tx.connection_and_tenant().0, statement, BOB).await.unwrap(), rows);
    }
    let mut mirror = owner.acquire().await.unwrap();
    sqlx::raw_sql("set role smb_mirror").execute(&mut *mirror).await.unwrap();
    let purge = "delete from users where tenant_id = $1 and $2 is not null";
    assert_eq!(execute(&mut mirror, purge, ANNA).await.unwrap(), 2);
    let roles: i64 = sqlx::query_scalar("select count(*) from user_roles").fetch_one(&owner).await.unwrap();
    assert_eq!(roles, 0);
}

/// An address is one user of a tenant, and one of the platform once its owner has logged in; an identity is one user.
#[sqlx::test(migrator = "MIGRATOR")]
async fn addresses_and_identities_are_unique(owner: PgPool) {
    let app = two_tenants(&owner).await;
    let insert = "insert into users (id, tenant_id, email, email_key, status)
                  values (gen_random_uuid(), $1, 'a@b.example', 'a@b.example', $2)";
    let add = async |slug: &str, status: &str| {
        let mut tx = begin(&app, slug).await;
        let (connection, tenant) = tx.connection_and_tenant();
        let added = sqlx::query(insert).bind(tenant).bind(status).execute(connection).await;
        let added = added.map(drop).map_err(|error| constraint(&error).map(str::to_owned));
        tx.commit().await.map_err(|_| None).and(added)
    };
    add("acme", "ACTIVE").await.unwrap();
    assert_eq!(add("acme", "INVITED").await, Err(Some(EMAIL_OF_TENANT.to_owned())));
    add("globex", "INVITED").await.unwrap();
    let activate = "update users set status = 'ACTIVE' where tenant_id = $1 and $2 is not null";
    let mut connection = owner.acquire().await.unwrap();
    let globex = sqlx::query(activate).bind(uid("globex")).bind(ANNA).execute(&mut *connection).await;
    assert_eq!(constraint(&globex.unwrap_err()), Some(EMAIL_OF_PLATFORM));
    add_owner(&app, ANNA).await;
    let bind = "insert into identities (issuer, subject, tenant_id, user_id) values ('https://id.example', 's', $1, $2)";
    assert_eq!(execute(&mut connection, bind, ANNA).await.unwrap(), 1);
    let again = execute(&mut connection, bind, ANNA).await.unwrap_err();
    assert_eq!(constraint(&again), Some(IDENTITY));
    let identity = |email_key: Option<&str>, subject: &str| Identity {
        issuer: "https://id.example".to_owned(),
        subject: subject.to_owned(),
        email_key: email_key.map(str::to_owned),
    };
    let found = app.by_identity(&identity(None, "s")).await.unwrap();
    let FoundLogin::User(user) = found else { panic!("{found:?}") };
    assert_eq!((user.id, user.slug.as_str(), user.roles), (ANNA, "acme", vec!["owner".to_owned()]));
    let invited = app.by_identity(&identity(Some("a@b.example"), "new")).await.unwrap();
    assert!(matches!(invited, FoundLogin::Invited(users) if users.len() == 1 && users[0].slug == "globex"));
    assert_eq!(app.by_identity(&identity(None, "new")).await.unwrap(), FoundLogin::Unknown);
}
