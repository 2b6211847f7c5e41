//! Tests of invitations that are sent by mail.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{accept, code, invite, start};
use crate::{
    http::testing::{ACME, Answer, Server},
    mail::{
        Encryption,
        testing::{Behavior, Received, SmtpServer},
    },
};

/// Returns a server that sends mail to a new SMTP server.
async fn with_mail(pool: &PgPool, behavior: Behavior, encryption: Encryption) -> (Server, SmtpServer) {
    let smtp = SmtpServer::start(behavior, encryption).await;
    (start(pool).await.with_mailer(smtp.mailer()), smtp)
}

/// Waits until the mail of a new invitation is sent or has failed, and returns the invitation.
async fn delivered(server: &Server, created: &Answer) -> Value {
    assert_eq!((created.status, &created.body["delivery"]), (201, &json!("PENDING")), "{}", created.body);
    assert_eq!((&created.body["deliveryAt"], &created.body["deliveryFailure"]), (&Value::Null, &Value::Null));
    let path = format!("/v1/invitations/{}", created.body["id"].as_str().unwrap());
    let ended = async {
        loop {
            let read = server.get("acme", "auditor", &path).await;
            if read.body["delivery"] != "PENDING" {
                return read.body;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended).await.expect("the mail is sent or fails")
}

/// Returns the token in the link of a mail.
fn token(mail: &Received) -> &str {
    let link = mail.text.lines().find_map(|line| line.strip_prefix("https://app.example/join#token="));
    link.unwrap_or_else(|| panic!("no link in {}", mail.text))
}

fn dora() -> Value {
    json!({"sub": "dora", "email": "dora@acme.example"})
}

/// The mail has a link with which the person becomes a user, and the invitation says that it was sent.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn an_invitation_is_sent_and_accepted(pool: PgPool) {
    let (server, mut smtp) = with_mail(&pool, Behavior::Accept, Encryption::Starttls).await;
    let created = invite(&server, "Dora@acme.example", "member").await;
    let mail = smtp.next().await;
    assert!(mail.is_encrypted && mail.is_authenticated);
    assert_eq!(mail.recipients, ["<Dora@acme.example>"]);
    assert!(mail.headers.lines().any(|line| line == "To: Dora@acme.example"), "{}", mail.headers);
    let shown = "anna@acme.example has invited you to use SMB Copilot for \"Acme ";
    assert!(mail.text.contains(shown), "{}", mail.text);
    assert_eq!(token(&mail), created.body["token"].as_str().unwrap());
    let sent = delivered(&server, &created).await;
    assert_eq!((&sent["delivery"], &sent["deliveryFailure"]), (&json!("SENT"), &Value::Null));
    assert!(sent["deliveryAt"].is_string(), "{sent}");
    let first = accept(&server, &dora(), token(&mail)).await;
    assert_eq!((first.status, &first.body["id"]), (200, &created.body["userId"]), "{}", first.body);
}

/// Mail is sent with TLS from the beginning, and without TLS and a password, if that is configured.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn other_encryptions_are_possible(pool: PgPool) {
    let mut server = start(&pool).await;
    for encryption in [Encryption::Implicit, Encryption::None] {
        let mut smtp = SmtpServer::start(Behavior::Accept, encryption).await;
        server = server.with_mailer(smtp.mailer());
        let created = invite(&server, "dora@acme.example", "member").await;
        let (mail, is_tls) = (smtp.next().await, encryption == Encryption::Implicit);
        assert_eq!((mail.is_encrypted, mail.is_authenticated), (is_tls, is_tls));
        assert_eq!(delivered(&server, &created).await["delivery"], "SENT", "{encryption:?}");
    }
}

/// An SMTP server that is down, hangs or refuses the mail delays no request, and the token remains valid.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_mail_that_fails_is_reported(pool: PgPool) {
    let mut server = start(&pool).await;
    for (behavior, failure, connections) in [
        (Behavior::Down, "UNAVAILABLE", 0),
        (Behavior::Hang, "UNAVAILABLE", 3),
        (Behavior::RefuseRecipients, "REFUSED", 1),
    ] {
        let smtp = SmtpServer::start(behavior, Encryption::Starttls).await;
        server = server.with_mailer(smtp.mailer());
        let created = invite(&server, "dora@acme.example", "member").await;
        let failed = delivered(&server, &created).await;
        let state = (&failed["delivery"], &failed["deliveryFailure"]);
        assert_eq!(state, (&json!("FAILED"), &json!(failure)), "{behavior:?}");
        assert!(failed["deliveryAt"].is_string(), "{failed}");
        assert_eq!(smtp.connections(), connections, "{behavior:?}");
        if behavior == Behavior::RefuseRecipients {
            let first = accept(&server, &dora(), created.body["token"].as_str().unwrap()).await;
            assert_eq!(first.status, 200, "{}", first.body);
        }
    }
}

/// A mail that is refused for now is sent again.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_mail_is_sent_again(pool: PgPool) {
    let (server, mut smtp) = with_mail(&pool, Behavior::RefuseFirst, Encryption::Starttls).await;
    let created = invite(&server, "dora@acme.example", "member").await;
    assert_eq!(delivered(&server, &created).await["delivery"], "SENT");
    assert_eq!((smtp.connections(), token(&smtp.next().await)), (2, created.body["token"].as_str().unwrap()));
}

/// What a tenant or its issuer writes adds neither headers nor recipients to a mail.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn nobody_adds_headers_or_recipients(pool: PgPool) {
    let (server, mut smtp) = with_mail(&pool, Behavior::Accept, Encryption::Starttls).await;
    let name = "update tenants set display_name = E'Acme\\r\\nBcc: eve@evil.example\\r\\n.\\r\\nRCPT TO:<eve@evil.example>'";
    sqlx::query(name).execute(&pool).await.unwrap();
    for email in [
        "dora@acme.example\r\nBcc: eve@evil.example",
        "dora@acme.example>\r\nDATA",
        "a@b.example, c@d.example",
    ] {
        assert_eq!(code(&invite(&server, email, "member").await), (422, "invalid"), "{email:?}");
    }
    let body =
        json!({"email": "dora@acme.example", "roles": ["member"], "displayName": "Bcc: eve@evil.example"})
            .to_string();
    for (inviter, status) in
        [("x@acme.example\r\nBcc: eve@evil.example", 401), ("evil.example/x@acme.example", 201)]
    {
        let claims = json!({"sub": "x", "email": inviter, "smb_tenant": "acme", "smb_roles": ["owner"]});
        let bearer = server.issuer.sign(&server.issuer.claims(&claims));
        let created = server.post_raw(&bearer, "/v1/invitations", "application/json", &body).await;
        assert_eq!(created.status, status, "{}", created.body);
    }
    let mail = smtp.next().await;
    assert_eq!(mail.recipients, ["<dora@acme.example>"]);
    let headers: Vec<_> = mail.headers.lines().collect();
    let names: Vec<_> = headers.iter().map(|line| line.split(':').next().unwrap()).collect();
    let expected = [
        "From",
        "To",
        "Subject",
        "Message-ID",
        "Auto-Submitted",
        "Content-Type",
        "Date",
        "MIME-Version",
        "Content-Transfer-Encoding",
    ];
    assert!(names.iter().all(|name| expected.contains(name)), "{names:?}");
    assert!(mail.text.contains("A colleague has invited you"), "{}", mail.text);
    assert!(mail.text.contains("\"Acme Bcc eve evil example RCPT TO eve evil example\""), "{}", mail.text);
}

/// A tenant sends at most 3 mails a day to an address and 50 mails an hour; revoking invitations does not change that, and other
/// tenants can send mails all the same.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_mails_of_a_tenant_are_limited(pool: PgPool) {
    let (server, _smtp) = with_mail(&pool, Behavior::Accept, Encryption::Starttls).await;
    for _ in 0..3 {
        let created = invite(&server, "dora@acme.example", "member").await;
        let path = format!("/v1/invitations/{}", created.body["id"].as_str().unwrap());
        assert_eq!(server.request("acme", "admin", "DELETE", &path).await.status, 204);
    }
    let refused = invite(&server, "DORA@acme.example", "member").await;
    assert_eq!(code(&refused), (429, "rate_limited"), "{}", refused.body);
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((86_000..=86_400).contains(&wait), "{wait}");
    assert_eq!(invite(&server, "emil@acme.example", "member").await.status, 201);

    let many = "insert into invitation_mails (id, tenant_id, address_digest)
                select gen_random_uuid(), $1::uuid, sha256(n::text::bytea) from generate_series(1, 46) n";
    sqlx::query(many).bind(ACME).execute(&pool).await.unwrap();
    let refused = invite(&server, "fritz@acme.example", "member").await;
    assert_eq!(code(&refused), (429, "rate_limited"), "{}", refused.body);
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((3_500..=3_600).contains(&wait), "{wait}");
    let mutation = r#"mutation { createInvitation(input: {email: "fritz@acme.example", roles: ["member"]}) {
        invitation { id } userErrors { code } } }"#;
    let answer = server.graphql("admin", mutation, json!({})).await;
    assert!(answer.body.to_string().contains("RATE_LIMITED"), "{}", answer.body);
    let users: i64 = sqlx::query_scalar("select count(*) from users where email_key = 'fritz@acme.example'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(users, 0, "a refused request leaves no user");
    let body = json!({"email": "dora@acme.example", "roles": ["member"]});
    assert_eq!(server.post("globex", "owner", "/v1/invitations", &body).await.status, 201);
    sqlx::query("update invitation_mails set created_at = created_at - interval '61 minutes'")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(invite(&server, "fritz@acme.example", "member").await.status, 201);
}

/// A repetition with the same idempotency key sends no further mail.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_repetition_sends_no_mail(pool: PgPool) {
    let (server, mut smtp) = with_mail(&pool, Behavior::Accept, Encryption::Starttls).await;
    let body = json!({"email": "dora@acme.example", "roles": ["member"]});
    let created = server.post_with_key("acme", "admin", "/v1/invitations", &body, "k").await;
    smtp.next().await;
    assert_eq!(delivered(&server, &created).await["delivery"], "SENT");
    let again = server.post_with_key("acme", "admin", "/v1/invitations", &body, "k").await;
    assert_eq!(
        (again.status, &again.body["delivery"], &again.body["token"]),
        (201, &json!("SENT"), &Value::Null)
    );
    assert!(smtp.is_empty() && smtp.connections() == 1);
}

/// The answer and the mail are the same whether another tenant knows the address or not.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn mails_do_not_reveal_who_is_known(pool: PgPool) {
    let (server, mut smtp) = with_mail(&pool, Behavior::Accept, Encryption::Starttls).await;
    let mut seen = Vec::new();
    for email in ["anna@acme.example", "nina@acme.example"] {
        let body = json!({"email": email, "roles": ["viewer"]});
        let created = server.post("globex", "owner", "/v1/invitations", &body).await;
        assert_eq!((created.status, &created.body["delivery"]), (201, &json!("PENDING")), "{}", created.body);
        let mail = smtp.next().await;
        let text = mail.text.replace(token(&mail), "");
        let text: Vec<_> = text.lines().filter(|line| !line.contains("until")).map(str::to_owned).collect();
        seen.push((created.body.as_object().unwrap().keys().cloned().collect::<Vec<_>>(), text));
    }
    assert_eq!(seen[0], seen[1]);
}
