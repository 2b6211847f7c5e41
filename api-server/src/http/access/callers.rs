//! The callers: the columns of the page.

use std::collections::BTreeMap;

use domain::{
    identity::ApiKey,
    permission::{PLATFORM_ROLES, Permission, Permissions, TENANT_ROLES},
};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::page::Row;
use crate::http::testing::{ACME, Server};

/// Role and scopes of the API key, as on the page.
const KEY: (&str, &[&str]) = ("operator", &["workflow.read", "workflow.run"]);

/// Caller of the requests.
pub(super) struct Caller {
    /// Name of the column.
    pub(super) name: &'static str,
    token: Token,
    /// State of the tenant acme.
    pub(super) state: &'static str,
    /// Whether the caller has one role and is known: such callers try the objects of others, too.
    pub(super) has_role: bool,
}

/// Token of a caller.
enum Token {
    /// Requests have none.
    None,
    /// All requests have the same one.
    One(String),
    /// API keys that have all permissions but one, by its name.
    AllBut(BTreeMap<&'static str, String>),
}

impl Caller {
    /// Returns the token for requests of an operation; `None` if they have none.
    pub(super) fn token(&self, row: &Row) -> Option<&str> {
        match &self.token {
            Token::None => None,
            Token::One(token) => Some(token),
            Token::AllBut(keys) => {
                let last = row.requires.last().copied().unwrap_or_default();
                keys.get(last).or_else(|| keys.values().next()).map(String::as_str)
            }
        }
    }
}

/// Creates the callers, in the order of the columns.
pub(super) async fn create(server: &Server, owner: &PgPool) -> Vec<Caller> {
    let issuer = &server.issuer;
    let with_role = |name, token| Caller { name, token: Token::One(token), state: "ACTIVE", has_role: true };
    let mut callers: Vec<_> =
        TENANT_ROLES.iter().map(|role| with_role(*role, issuer.token("acme", role))).collect();
    callers.extend(PLATFORM_ROLES.iter().map(|role| with_role(*role, issuer.platform_token(role))));
    let claims = |others: Value| {
        let mut claims = issuer.claims(&json!({"smb_tenant": "acme", "smb_roles": ["owner"]}));
        claims.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        issuer.sign(&claims)
    };
    add_deactivated_user(owner, &issuer.url).await;
    let key = add_key(owner, KEY.0, KEY.1).await;
    let admin = issuer.token("acme", "admin");
    let all_but_one = keys_without_one(owner).await;
    let token = Token::AllBut(all_but_one);
    callers.push(Caller { name: "all but it", token, state: "ACTIVE", has_role: false });
    let others = [
        ("no token", None, "ACTIVE"),
        ("expired", Some(claims(json!({"exp": 1_000_000_000}))), "ACTIVE"),
        ("audience", Some(claims(json!({"aud": "another"}))), "ACTIVE"),
        ("suspended", Some(admin.clone()), "SUSPENDED"),
        ("archived", Some(admin), "ARCHIVED"),
        ("other tenant", Some(issuer.token("globex", "owner")), "ACTIVE"),
        ("API key", Some(key), "ACTIVE"),
        ("deactivated", Some(claims(json!({"sub": "fay"}))), "ACTIVE"),
    ];
    let other = |(name, token, state)| Caller {
        name,
        token: Option::map_or(token, Token::None, Token::One),
        state,
        has_role: false,
    };
    callers.extend(others.map(other));
    callers
}

/// Creates API keys with the role owner, each with all permissions but one.
async fn keys_without_one(owner: &PgPool) -> BTreeMap<&'static str, String> {
    let of_tenant: Vec<_> = Permissions::of_tenant().iter().map(Permission::name).collect();
    let mut keys = BTreeMap::new();
    for permission in &of_tenant {
        let scopes: Vec<_> = of_tenant.iter().copied().filter(|scope| scope != permission).collect();
        keys.insert(*permission, add_key(owner, "owner", &scopes).await);
    }
    keys
}

/// Changes the state of acme.
pub(super) async fn set_state(owner: &PgPool, state: &str) {
    let update = "update tenants set state = $1 where slug = 'acme'";
    sqlx::query(update).bind(state).execute(owner).await.unwrap();
}

/// Creates a service account of acme with a role and a key with scopes, and returns the key.
pub(super) async fn add_key(owner: &PgPool, role: &str, scopes: &[&str]) -> String {
    let id = telemetry::ids::uuid_v7();
    let letters: String = id.simple().to_string().chars().take(30).collect();
    let key = ApiKey::from_random(&letters).unwrap();
    let insert = "with account as (
         insert into service_accounts (id, tenant_id, name, description) values ($1, $2::uuid, 'c-' || $1::text, 'Calls operations')
       ), roles as (
         insert into service_account_roles (tenant_id, service_account_id, role) values ($2::uuid, $1, $3)
       )
       insert into api_keys (id, tenant_id, service_account_id, name, digest, prefix, scopes, expires_at)
       values ($1, $2::uuid, $1, 'test', $4, 'smbc_live_0aZ9', $5, now() + interval '1 day')";
    let scopes: Vec<_> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let query = sqlx::query(insert).bind(id).bind(ACME).bind(role).bind(key.digest().to_vec()).bind(scopes);
    query.execute(owner).await.unwrap();
    key.secret().to_owned()
}

/// Adds the deactivated owner Fay of acme.
async fn add_deactivated_user(owner: &PgPool, issuer: &str) {
    let insert = "with added as (
         insert into users (id, tenant_id, email, email_key, status)
         values ('48000000-0000-4000-8000-000000000001', $1::uuid, 'fay@acme.example', 'fay@acme.example', 'DEACTIVATED')
       ), roles as (
         insert into user_roles (tenant_id, user_id, role)
         values ($1::uuid, '48000000-0000-4000-8000-000000000001', 'owner')
       )
       insert into identities (issuer, subject, tenant_id, user_id)
       values ($2, 'fay', $1::uuid, '48000000-0000-4000-8000-000000000001')";
    sqlx::query(insert).bind(ACME).bind(issuer).execute(owner).await.unwrap();
}
