//! `GET`, `PUT` and `DELETE` of `/v1/users/{id}/picture`

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use super::{editor, resource::User};
use crate::{
    app::{self, App, users::MAX_IMAGE_BYTES},
    http::{
        authorize::Member,
        etag::{self, IfMatch},
        extract::{Id, Upload},
    },
    problem::Problem,
    store::users::Picture,
};

/// Headers of a picture. A browser shows it as an image only: the bytes are those of a PNG, but other users have chosen its content.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("image/png")),
    (header::CONTENT_DISPOSITION, HeaderValue::from_static("inline")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'")),
];

/// Image that is uploaded, as OpenAPI describes it.
struct UploadedImage;

impl PartialSchema for UploadedImage {
    fn schema() -> RefOr<Schema> {
        let description = "Image in the format PNG, JPEG or WebP; at most 1 MiB.";
        binary(description).max_length(Some(MAX_IMAGE_BYTES)).into()
    }
}

impl ToSchema for UploadedImage {
    fn name() -> std::borrow::Cow<'static, str> {
        "UploadedImage".into()
    }
}

/// Picture of a user, as OpenAPI describes it.
struct UserPicture;

impl PartialSchema for UserPicture {
    fn schema() -> RefOr<Schema> {
        binary("PNG of 256 × 256 pixels without metadata.").into()
    }
}

impl ToSchema for UserPicture {
    fn name() -> std::borrow::Cow<'static, str> {
        "UserPicture".into()
    }
}

fn binary(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
        .description(Some(description))
}

/// Get the uploaded picture of a user
///
/// Returns the picture that was uploaded for a user, as a PNG of 256 × 256 pixels. A picture with an https URL is not here, but there.
///
/// Requires the permission `user.read`. Fails with 404 `not_found` if the tenant has no such user, or no picture of the user was uploaded.
#[utoipa::path(
    get, path = "/v1/users/{id}/picture", tag = "users",
    params(
        ("id" = Uuid, Path, description = "ID of the user"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
    ),
    responses(
        (status = OK, description = "Picture", content((UserPicture = "image/png"))),
        (status = NOT_MODIFIED, description = "The picture has not changed"),
    )
)]
pub(in crate::http) async fn get_user_picture(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Picture { png, sha256 } = app::users::get_picture(&app, tenant.scope, id).await?;
    Ok(etag::with_digest(&headers, &sha256, (HEADERS, png)))
}

/// Upload a picture of a user
///
/// Replaces the picture of a user by an image, which is a PNG, JPEG or WebP of at most 1 MiB, 4,096 × 4,096 and 8 million pixels. The
/// format is recognized by the content. The square in the middle of the image is scaled to 256 × 256 pixels and encoded again, without
/// metadata; of an animation, the first image remains. `pictureUrl` of the user is then the path of the picture. To use a picture with
/// an https URL instead, change the user.
///
/// Requires the permission `user.update`. Fails with 403 `forbidden` if the user has permissions that the caller lacks, 404 `not_found`,
/// 412 `precondition_failed` if the user was changed since the client read it, 413 `too_large`, 415 `unsupported_media_type`, 422
/// `invalid` if the image cannot be decoded (`not_decodable` in `errors`), has too many pixels (`too_many_pixels`) or is a lossless WebP
/// that takes too much memory (`too_much_memory`), 422
/// `input_too_costly` if its conversion takes too long, or 423 `tenant_suspended`.
#[utoipa::path(
    put, path = "/v1/users/{id}/picture", tag = "users",
    params(
        ("id" = Uuid, Path, description = "ID of the user"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the user. Default: any state."),
    ),
    request_body(
        description = "Image",
        content((UploadedImage = "image/png"), (UploadedImage = "image/jpeg"), (UploadedImage = "image/webp"))
    ),
    responses((status = OK, description = "User with the picture", body = User))
)]
pub(in crate::http) async fn upload_user_picture(
    State(app): State<App>,
    member: Member,
    Id(id): Id,
    condition: Option<IfMatch>,
    Upload(image): Upload,
) -> Result<Response, Problem> {
    let version = condition.and_then(IfMatch::generation);
    let user = app::users::set_picture(&app, editor(&member), id, version, image).await?;
    Ok(User::response(user, &HeaderMap::new()))
}

/// Delete the uploaded picture of a user
///
/// Deletes the picture that was uploaded for a user, whose `pictureUrl` is then null. The request is idempotent; a user without an
/// uploaded picture stays as it is.
///
/// Requires the permission `user.update`. Fails with 403 `forbidden` if the user has permissions that the caller lacks, 404 `not_found`,
/// 412 `precondition_failed` if the user was changed since the client read it, or 423 `tenant_suspended`.
#[utoipa::path(
    delete, path = "/v1/users/{id}/picture", tag = "users",
    params(
        ("id" = Uuid, Path, description = "ID of the user"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the user. Default: any state."),
    ),
    responses((status = NO_CONTENT, description = "The user has no uploaded picture"))
)]
pub(in crate::http) async fn delete_user_picture(
    State(app): State<App>,
    member: Member,
    Id(id): Id,
    condition: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    let version = condition.and_then(IfMatch::generation);
    app::users::delete_picture(&app, editor(&member), id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use image::{ImageFormat, RgbImage};
    use serde_json::{Value, json};
    use sqlx::PgPool;

    use super::*;
    use crate::http::testing::{ACME, ANNA, Answer, BOB, CARA, Server};

    fn path(user: &str) -> String {
        format!("/v1/users/{user}/picture")
    }

    /// Returns an image of one color.
    fn image(format: ImageFormat, color: [u8; 3]) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        RgbImage::from_pixel(32, 48, image::Rgb(color)).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn png() -> Vec<u8> {
        image(ImageFormat::Png, [0, 128, 255])
    }

    async fn send(
        server: &Server,
        (tenant, role): (&str, &str),
        method: &str,
        user: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let token = format!("Bearer {}", server.issuer.token(tenant, role));
        let mut request = Request::builder().method(method).uri(path(user)).header("authorization", token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        server.send(request.body(body.into()).unwrap()).await
    }

    async fn upload(server: &Server, user: &str, media_type: &str, body: impl Into<Body>) -> Answer {
        send(server, ("acme", "admin"), "PUT", user, &[("content-type", media_type)], body).await
    }

    fn code(answer: &Answer) -> (u16, &str) {
        (answer.status, answer.body["code"].as_str().unwrap_or_default())
    }

    async fn picture_url(server: &Server, user: &str) -> Value {
        server.get("acme", "admin", &format!("/v1/users/{user}")).await.body["pictureUrl"].clone()
    }

    async fn patch(server: &Server, user: &str, picture_url: impl Into<Value>) -> Answer {
        let body = json!({"pictureUrl": picture_url.into()}).to_string();
        let headers = [("content-type", "application/merge-patch+json")];
        server.patch("acme", "admin", &format!("/v1/users/{user}"), &headers, &body).await
    }

    async fn count(pool: &PgPool) -> i64 {
        sqlx::query_scalar("select count(*) from user_pictures").fetch_one(pool).await.unwrap()
    }

    async fn start(pool: &PgPool) -> Server {
        let server = Server::start(pool).await;
        server.add_users(pool).await;
        server
    }

    /// An uploaded image of each format is read back as a PNG of 256 × 256 pixels, which a browser shows and does not execute, until it
    /// is deleted.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_uploaded_picture_is_read_back(pool: PgPool) {
        let server = start(&pool).await;
        assert_eq!(code(&server.get("acme", "admin", &path(BOB)).await), (404, "not_found"));
        for (format, media_type) in [
            (ImageFormat::Jpeg, "image/jpeg"),
            (ImageFormat::WebP, "image/webp"),
            // The content counts, and not what the client says about it.
            (ImageFormat::Png, "image/jpeg"),
        ] {
            let user = upload(&server, BOB, media_type, image(format, [0, 128, 255])).await;
            assert_eq!((user.status, &user.body["pictureUrl"]), (200, &json!(path(BOB))), "{}", user.body);
            assert_eq!(
                user.headers["etag"],
                server.get("acme", "admin", &format!("/v1/users/{BOB}")).await.headers["etag"]
            );
            let picture = server.get("acme", "auditor", &path(BOB)).await;
            let decoded = image::load_from_memory_with_format(&picture.bytes, ImageFormat::Png).unwrap();
            assert_eq!((decoded.width(), decoded.height()), (256, 256));
            for (name, value) in [
                ("content-type", "image/png"),
                ("cache-control", "private, no-cache"),
                ("content-disposition", "inline"),
                ("x-content-type-options", "nosniff"),
                ("content-security-policy", "default-src 'none'"),
            ] {
                assert_eq!(picture.headers[name], value, "{name}");
            }
            let tag = picture.headers["etag"].to_str().unwrap();
            let again = server.get_with("acme", "admin", &path(BOB), "if-none-match", tag).await;
            assert_eq!(
                (again.status, again.bytes.len(), &again.headers["etag"]),
                (304, 0, &picture.headers["etag"])
            );
        }
        let query = "query($id: ID!) { user(id: $id) { pictureUrl } }";
        let id = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("User:{BOB}"));
        let found = server.graphql("admin", query, json!({"id": id})).await;
        assert_eq!(found.body["data"]["user"]["pictureUrl"], json!(path(BOB)), "{}", found.body);
        for _ in 0..2 {
            assert_eq!(server.request("acme", "admin", "DELETE", &path(BOB)).await.status, 204);
            assert_eq!(code(&server.get("acme", "admin", &path(BOB)).await), (404, "not_found"));
            assert_eq!(picture_url(&server, BOB).await, Value::Null);
        }
    }

    /// A user has one picture: an upload replaces an https URL, and an https URL or null deletes the uploaded picture.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_user_has_one_picture(pool: PgPool) {
        let server = start(&pool).await;
        let url = "https://cdn.example/bob.png";
        let early = patch(&server, BOB, path(BOB)).await;
        assert_eq!(
            (code(&early), &early.body["errors"][0]["pointer"]),
            ((422, "invalid"), &json!("/pictureUrl"))
        );
        assert_eq!(patch(&server, BOB, url).await.status, 200);
        let uploaded = upload(&server, BOB, "image/png", png()).await;
        assert_eq!(uploaded.body["pictureUrl"], json!(path(BOB)), "{}", uploaded.body);
        let deleted_later = server.request("acme", "admin", "DELETE", &path(CARA)).await;
        assert_eq!(deleted_later.status, 204, "a user without a picture");
        // A client that sends what it has read changes nothing.
        let same = patch(&server, BOB, path(BOB)).await;
        assert_eq!((same.status, &same.headers["etag"]), (200, &uploaded.headers["etag"]), "{}", same.body);
        let again = upload(&server, BOB, "image/png", png()).await;
        assert_eq!(again.headers["etag"], uploaded.headers["etag"], "the same picture");
        for url in [json!(url), Value::Null] {
            assert_eq!(patch(&server, BOB, url.clone()).await.body["pictureUrl"], url);
            assert_eq!((count(&pool).await, server.get("acme", "admin", &path(BOB)).await.status), (0, 404));
            assert_eq!(server.request("acme", "admin", "DELETE", &path(BOB)).await.status, 204);
            assert_eq!(picture_url(&server, BOB).await, url, "nothing was uploaded that could be deleted");
            assert_eq!(upload(&server, BOB, "image/png", png()).await.status, 200);
        }
        assert_eq!(upload(&server, CARA, "image/png", png()).await.status, 200);
        assert_eq!(server.request("acme", "admin", "DELETE", &format!("/v1/users/{CARA}")).await.status, 204);
        assert_eq!(count(&pool).await, 1, "the picture of a deleted user is deleted");
    }

    /// What is no acceptable image is refused with its reason, and changes nothing.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn other_uploads_are_refused(pool: PgPool) {
        let server = start(&pool).await;
        let large = upload(&server, BOB, "image/png", vec![0; MAX_IMAGE_BYTES + 1]).await;
        assert_eq!(code(&large), (413, "too_large"));
        let detail = large.body["detail"].as_str().unwrap();
        assert!(detail.contains("1048577") && detail.contains("1048576"), "{detail}");
        let stream = futures::stream::iter((0..17).map(|_| Ok::<_, std::io::Error>(vec![0; 1 << 16])));
        assert_eq!(
            code(&upload(&server, BOB, "image/png", Body::from_stream(stream)).await),
            (413, "too_large")
        );
        let unsupported = (415, "unsupported_media_type");
        let json = upload(&server, BOB, "application/json", png()).await;
        assert_eq!(code(&json), unsupported);
        assert!(
            json.body["detail"].as_str().unwrap().contains("image/jpeg, image/png, image/webp"),
            "{}",
            json.body
        );
        for body in [b"".as_slice(), b"GIF89a\x01\0\x01\0", b"<svg onload='alert(1)'/>"] {
            assert_eq!(code(&upload(&server, BOB, "image/png", body.to_vec()).await), unsupported);
        }
        let damaged = png()[..60].to_vec();
        // A small file that announces 65,535 × 65,535 pixels.
        let mut bomb = image(ImageFormat::Jpeg, [0, 128, 255]);
        let frame = bomb.windows(2).position(|part| part == [0xff, 0xc0]).unwrap();
        bomb[frame + 5..frame + 9].fill(0xff);
        for (body, expected) in [(damaged, "not_decodable"), (bomb, "too_many_pixels")] {
            let refused = upload(&server, BOB, "image/png", body).await;
            assert_eq!(code(&refused), (422, "invalid"), "{}", refused.body);
            assert_eq!(refused.body["errors"][0]["code"], expected, "{}", refused.body);
        }
        assert_eq!((picture_url(&server, BOB).await, count(&pool).await), (Value::Null, 0));
    }

    /// Only those who may change a user change its picture, in the state that they have read.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_picture_is_changed_by_those_who_may_change_the_user(pool: PgPool) {
        let server = start(&pool).await;
        let missing = "00000000-0000-4000-8000-00000000dead";
        let stale = "\"999.00000000000000000000000000000000\"";
        for (caller, user, condition, expected) in [
            (("acme", "viewer"), BOB, "*", (403, "forbidden")),
            (("acme", "builder"), BOB, "*", (403, "forbidden")),
            // An admin does not change an owner.
            (("acme", "admin"), ANNA, "*", (403, "forbidden")),
            (("acme", "admin"), missing, "*", (404, "not_found")),
            (("globex", "owner"), BOB, "*", (404, "not_found")),
            (("acme", "admin"), BOB, stale, (412, "precondition_failed")),
            (("hooli", "owner"), BOB, "*", (423, "tenant_suspended")),
        ] {
            for method in ["PUT", "DELETE"] {
                let headers = [("content-type", "image/png"), ("if-match", condition)];
                let refused = send(&server, caller, method, user, &headers, png()).await;
                assert_eq!(code(&refused), expected, "{method} {caller:?}: {}", refused.body);
            }
        }
        assert_eq!(upload(&server, BOB, "image/png", png()).await.status, 200);
        let foreign = server.get("globex", "owner", &path(BOB)).await;
        let unknown = server.get("globex", "owner", &path(missing)).await;
        assert_eq!((foreign.status, foreign.without_request()), (404, unknown.without_request()));
        let headers = [("content-type", "image/png"), ("if-match", "*")];
        assert_eq!(send(&server, ("acme", "owner"), "PUT", ANNA, &headers, png()).await.status, 200);
    }

    /// Of two uploads at once, one is the picture afterwards, and both are changes of the user.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn two_uploads_at_once_leave_one_picture(pool: PgPool) {
        let server = start(&pool).await;
        let images = [[0, 0, 255], [255, 0, 0]].map(|color| image(ImageFormat::Png, color));
        let [first, second] = images.each_ref().map(|image| upload(&server, BOB, "image/png", image.clone()));
        let (first, second) = tokio::join!(first, second);
        assert_eq!((first.status, second.status), (200, 200), "{} {}", first.body, second.body);
        assert_ne!(first.headers["etag"], second.headers["etag"]);
        let picture = server.get("acme", "admin", &path(BOB)).await.headers["etag"].clone();
        let mut tags = Vec::new();
        for image in images {
            upload(&server, CARA, "image/png", image).await;
            tags.push(server.get("acme", "admin", &path(CARA)).await.headers["etag"].clone());
        }
        assert!(tags.contains(&picture), "{tags:?} {picture:?}");
    }

    /// The audit log says that a picture was changed, with its size and digest, and does not contain the picture.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn changes_of_pictures_are_audited(pool: PgPool) {
        let server = start(&pool).await;
        upload(&server, BOB, "image/png", png()).await;
        let picture = server.get("acme", "admin", &path(BOB)).await;
        server.request("acme", "admin", "DELETE", &path(BOB)).await;
        let events = server.get("acme", "owner", "/v1/audit-events?limit=2").await;
        let events = events.body["data"].as_array().unwrap();
        let digest = picture.headers["etag"].to_str().unwrap().trim_matches('"').to_owned();
        let summary = json!({"bytes": picture.bytes.len(), "sha256": digest});
        let field = |event: &Value, name: &str| {
            let mut changes = event["changes"].as_array().unwrap().iter();
            changes.find(|change| change["field"] == name).cloned().unwrap()
        };
        assert_eq!(field(&events[0], "/picture")["before"], summary, "{}", events[0]);
        assert_eq!(field(&events[1], "/picture")["after"], summary, "{}", events[1]);
        assert_eq!(field(&events[1], "/pictureUrl")["after"], path(BOB), "{}", events[1]);
        for event in events {
            assert_eq!(
                (&event["outcome"], &event["object"]["id"]),
                (&json!("SUCCEEDED"), &json!(BOB)),
                "{event}"
            );
            assert!(event.to_string().len() < 2_000, "{event}");
        }
    }

    /// An upload takes the threads of its tenant alone: while these are in use, it waits, and those of another tenant are converted.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_upload_costs_its_tenant_alone(pool: PgPool) {
        let server = start(&pool).await;
        let body = json!({"email": "gina@globex.example", "roles": ["viewer"]});
        let gina =
            server.post("globex", "owner", "/v1/users", &body).await.body["id"].as_str().unwrap().to_owned();
        let release = server.occupy_compute(ACME).await;
        let mut waiting = std::pin::pin!(upload(&server, BOB, "image/png", png()));
        let headers = [("content-type", "image/png")];
        let neighbour = tokio::select! {
            answer = &mut waiting => panic!("answered without a thread: {answer:?}"),
            answer = send(&server, ("globex", "owner"), "PUT", &gina, &headers, png()) => answer,
        };
        assert_eq!(neighbour.status, 200, "{}", neighbour.body);
        drop(release);
        assert_eq!(waiting.await.status, 200);
    }
}
