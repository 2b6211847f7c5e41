//! Mutations of documents. Contents are uploaded with REST.

use async_graphql::{Context, ID, InputObject, Json, Object, Result};
use serde_json::{Map, Value};

use super::{payload::payload, runs::parse_key};
use crate::{
    app::{
        self,
        documents::{Create, NewDocument, Patch},
    },
    graphql::{global_id::Kind, objects::Document, request::Caller},
    store,
};

/// Mutations of documents.
#[derive(Default)]
pub(super) struct DocumentMutations;

/// Input of `createDocument`.
#[derive(InputObject)]
pub(super) struct CreateDocumentInput {
    /// Name of the file: 1 to 255 characters without `/`.
    file_name: String,
    /// Media type of the content that is uploaded later. Content of another type is refused with `TYPE_MISMATCH`. Default: any type.
    mime_type: Option<String>,
    /// Metadata: an object of at most 4 KiB as JSON. Default: none.
    metadata: Option<Json<Map<String, Value>>>,
    /// Tags, at most 32 of 1 to 64 characters. Policies can name them. Default: none.
    tags: Option<Vec<String>>,
    /// Idempotency key, 1 to 255 bytes, valid for 24 hours. A retry with the same key returns the document that the first request has
    /// created, also if that request was sent by REST with the header `Idempotency-Key`. Using the key for another request fails
    /// with the user error `IDEMPOTENCY_KEY_REUSED`.
    #[graphql(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Input of `updateDocument`. Absent fields and those that are null stay as they are.
#[derive(InputObject)]
pub(super) struct UpdateDocumentInput {
    /// Global ID of the document.
    document_id: ID,
    /// New name of the file: 1 to 255 characters without `/`.
    file_name: Option<String>,
    /// All metadata that the user gives, which replaces the earlier one: an object of at most 4 KiB as JSON.
    metadata: Option<Json<Map<String, Value>>>,
    /// All tags, which replace the earlier ones; at most 32 of 1 to 64 characters.
    tags: Option<Vec<String>>,
    /// `version` of the document that the change is based on. If the document was changed since, the mutation fails with the user error
    /// `PRECONDITION_FAILED`. Default: any.
    version: Option<i32>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Input of `deleteDocument`.
#[derive(InputObject)]
pub(super) struct DeleteDocumentInput {
    /// Global ID of the document.
    document_id: ID,
    /// `version` of the document that the deletion is based on. If the document was changed since, the mutation fails with the user
    /// error `PRECONDITION_FAILED`. Default: any.
    version: Option<i32>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Input of `processDocument`.
#[derive(InputObject)]
pub(super) struct ProcessDocumentInput {
    /// Global ID of the document.
    document_id: ID,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

payload! {
    /// Payload of `createDocument`.
    CreateDocumentPayload {
        /// The new document, without content. Null if there are user errors.
        document: Document(store::documents::Document)
    }
}
payload! {
    /// Payload of `updateDocument`.
    UpdateDocumentPayload {
        /// The changed document. Null if there are user errors.
        document: Document(store::documents::Document)
    }
}
payload! {
    /// Payload of `deleteDocument`.
    DeleteDocumentPayload {
        /// The document, which is being deleted. Null if there are user errors.
        document: Document(store::documents::Document)
    }
}
payload! {
    /// Payload of `processDocument`.
    ProcessDocumentPayload {
        /// The document, whose content will be read. Null if there are user errors.
        document: Document(store::documents::Document)
    }
}

/// Mutations of documents.
#[Object]
impl DocumentMutations {
    /// Creates a document without content. Upload its content with `PUT /v1/documents/{id}/content` of the REST API. Requires the
    /// permission `document.create`.
    ///
    /// User errors: `FORBIDDEN` if a policy does not permit a document with these tags, `PLAN_LIMIT_REACHED`, `TENANT_SUSPENDED`,
    /// `IDEMPOTENCY_KEY_REUSED`; if the document is not valid, the codes of its errors with their fields.
    async fn create_document(
        &self,
        ctx: &Context<'_>,
        input: CreateDocumentInput,
    ) -> Result<CreateDocumentPayload> {
        let CreateDocumentInput { file_name, mime_type, metadata, tags, idempotency_key, client_mutation_id } =
            input;
        let caller = Caller::from_context(ctx)?;
        let scope = caller.tenant()?.scope;
        let key = idempotency_key.as_deref().map(parse_key).transpose()?;
        let document = NewDocument {
            file_name,
            declared_type: mime_type,
            metadata: Value::Object(metadata.map(|Json(metadata)| metadata).unwrap_or_default()),
            tags: tags.unwrap_or_default(),
        };
        let create = Create { document, requested_by: caller.principal.email.clone(), key };
        let created = Box::pin(app::documents::create(caller.app, scope, create)).await;
        CreateDocumentPayload::new(created.map(|(document, _)| document), client_mutation_id)
    }

    /// Changes the name, the metadata or the tags of a document. Requires the permission `document.update`.
    ///
    /// User errors: `FORBIDDEN` if a policy does not permit the change, `NOT_FOUND`, `CONFLICT` if the document is being deleted,
    /// `PRECONDITION_FAILED`, `TENANT_SUSPENDED`; if the change is not valid, the codes of its errors with their fields.
    async fn update_document(
        &self,
        ctx: &Context<'_>,
        input: UpdateDocumentInput,
    ) -> Result<UpdateDocumentPayload> {
        let UpdateDocumentInput { document_id, file_name, metadata, tags, version, client_mutation_id } =
            input;
        let caller = Caller::from_context(ctx)?;
        let scope = caller.tenant()?.scope;
        let metadata = metadata.map(|Json(metadata)| Value::Object(metadata));
        let patch = Patch { file_name, metadata, tags };
        let version = version.map(i64::from);
        let result = match Kind::Document.decode(&document_id) {
            Some(id) => Box::pin(app::documents::update(caller.app, scope, id, version, patch)).await,
            None => Err(app::Error::NotFound),
        };
        UpdateDocumentPayload::new(result, client_mutation_id)
    }

    /// Deletes a document with its content and its chunks. Requires the permission `document.delete`.
    ///
    /// User errors: `NOT_FOUND`, `PRECONDITION_FAILED`, `TENANT_SUSPENDED`.
    async fn delete_document(
        &self,
        ctx: &Context<'_>,
        input: DeleteDocumentInput,
    ) -> Result<DeleteDocumentPayload> {
        let DeleteDocumentInput { document_id, version, client_mutation_id } = input;
        let caller = Caller::from_context(ctx)?;
        let scope = caller.tenant()?.scope;
        let version = version.map(i64::from);
        let result = match Kind::Document.decode(&document_id) {
            Some(id) => Box::pin(app::documents::delete(caller.app, scope, id, version)).await,
            None => Err(app::Error::NotFound),
        };
        DeleteDocumentPayload::new(result, client_mutation_id)
    }

    /// Reads the content of a document again, for example after a failure whose cause is gone. Requires the permission
    /// `document.process`.
    ///
    /// User errors: `NOT_FOUND`, `CONFLICT` if the document has no content or is being deleted, `TENANT_SUSPENDED`.
    async fn process_document(
        &self,
        ctx: &Context<'_>,
        input: ProcessDocumentInput,
    ) -> Result<ProcessDocumentPayload> {
        let ProcessDocumentInput { document_id, client_mutation_id } = input;
        let caller = Caller::from_context(ctx)?;
        let scope = caller.tenant()?.scope;
        let result = match Kind::Document.decode(&document_id) {
            Some(id) => Box::pin(app::documents::process(caller.app, scope, id)).await,
            None => Err(app::Error::NotFound),
        };
        ProcessDocumentPayload::new(result, client_mutation_id)
    }
}
