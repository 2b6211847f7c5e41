//! Creation and changes of collections and aliases.

use domain::vectors::{Collection, DENSE_VECTOR, Difference, Hnsw, SPARSE_VECTOR, StrictMode, TENANT_FIELD};
use qdrant_client::qdrant::{
    CreateAlias, CreateCollection, CreateFieldIndexCollection, Distance, FieldType, HnswConfigDiff,
    KeywordIndexParams, Modifier, PayloadIndexParams, SparseVectorConfig, SparseVectorParams,
    StrictModeConfig, UpdateCollection, VectorParams, VectorParamsMap, VectorsConfig,
    payload_index_params::IndexParams, vectors_config::Config,
};

use super::{Failure, Operation, VectorDatabase, VectorError, owner, request};

impl VectorDatabase {
    /// Creates a collection with its mark. One that another operator has created meanwhile is not an error.
    ///
    /// # Errors
    /// Returns an error if the database cannot be reached or refuses the request.
    pub(crate) async fn create(&self, desired: &Collection) -> Result<(), VectorError> {
        let created = self.client.create_collection(definition(desired));
        match request(Operation::Create, &desired.name, created).await {
            Ok(_) | Err(VectorError { failure: Failure::AlreadyExists(_), .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Corrects a property of a collection.
    ///
    /// # Errors
    /// Returns an error if the database cannot be reached or refuses the request.
    pub(crate) async fn correct(&self, desired: &Collection, what: Difference) -> Result<(), VectorError> {
        let mut update = UpdateCollection { collection_name: desired.name.clone(), ..Default::default() };
        match what {
            Difference::TenantIndex => return self.create_tenant_index(&desired.name).await,
            Difference::Hnsw => update.hnsw_config = Some(hnsw(desired.hnsw)),
            Difference::StrictMode => update.strict_mode_config = desired.strict_mode.map(strict_mode),
        }
        request(Operation::Update, &desired.name, self.client.update_collection(update)).await.map(drop)
    }

    /// Points an alias at a collection, also if it names another one.
    ///
    /// # Errors
    /// Returns an error if the database cannot be reached or refuses the request.
    pub(crate) async fn point_alias(&self, alias: &str, collection: &str) -> Result<(), VectorError> {
        let alias_request =
            CreateAlias { alias_name: alias.to_owned(), collection_name: collection.to_owned() };
        request(Operation::PointAlias, alias, self.client.create_alias(alias_request)).await.map(drop)
    }

    async fn create_tenant_index(&self, collection: &str) -> Result<(), VectorError> {
        let keyword = KeywordIndexParams { is_tenant: Some(true), ..Default::default() };
        let params = PayloadIndexParams { index_params: Some(IndexParams::KeywordIndexParams(keyword)) };
        let index = CreateFieldIndexCollection {
            collection_name: collection.to_owned(),
            wait: Some(true),
            field_name: TENANT_FIELD.to_owned(),
            field_type: Some(FieldType::Keyword.into()),
            field_index_params: Some(params),
            ..Default::default()
        };
        request(Operation::Index, collection, self.client.create_field_index(index)).await.map(drop)
    }
}

fn definition(desired: &Collection) -> CreateCollection {
    let distance = if desired.dense.cosine { Distance::Cosine } else { Distance::Dot };
    let dense =
        VectorParams { size: desired.dense.dimensions, distance: distance.into(), ..Default::default() };
    let dense = VectorParamsMap { map: [(DENSE_VECTOR.to_owned(), dense)].into() };
    let sparse = SparseVectorParams { modifier: Some(Modifier::Idf.into()), ..Default::default() };
    CreateCollection {
        collection_name: desired.name.clone(),
        hnsw_config: Some(hnsw(desired.hnsw)),
        vectors_config: Some(VectorsConfig { config: Some(Config::ParamsMap(dense)) }),
        sparse_vectors_config: Some(SparseVectorConfig { map: [(SPARSE_VECTOR.to_owned(), sparse)].into() }),
        strict_mode_config: desired.strict_mode.map(strict_mode),
        metadata: owner::to_metadata(&desired.owner),
        ..Default::default()
    }
}

fn hnsw(desired: Hnsw) -> HnswConfigDiff {
    HnswConfigDiff { m: Some(desired.m), payload_m: Some(desired.payload_m), ..Default::default() }
}

fn strict_mode(desired: StrictMode) -> StrictModeConfig {
    let StrictMode { max_query_limit, max_upsert_points, max_points } = desired;
    StrictModeConfig {
        enabled: Some(true),
        max_query_limit: Some(max_query_limit),
        upsert_max_batchsize: Some(max_upsert_points),
        max_points_count: Some(max_points),
        ..Default::default()
    }
}
