//! Reads of collections and aliases.

use domain::vectors::{
    DENSE_VECTOR, Dense, Hnsw, Observed, Owner, SPARSE_VECTOR, StrictMode, TENANT_FIELD, UNLIMITED_POINTS,
};
use qdrant_client::qdrant::{
    CollectionConfig, CollectionInfo, CollectionParams, Distance, Modifier, PayloadSchemaInfo,
    StrictModeConfig, payload_index_params::IndexParams, vectors_config::Config,
};

use super::{Failure, Operation, VectorDatabase, VectorError, owner, request};

impl VectorDatabase {
    /// Returns a collection as it exists, or `None` if it does not.
    ///
    /// # Errors
    /// Returns an error if the database cannot be reached or refuses the request.
    pub(crate) async fn observe(&self, collection: &str) -> Result<Option<Observed>, VectorError> {
        match request(Operation::Read, collection, self.client.collection_info(collection)).await {
            Ok(answer) => Ok(Some(observed(answer.result.unwrap_or_default()))),
            Err(VectorError { failure: Failure::NotFound(_), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the collection that an alias names, if the alias exists.
    ///
    /// # Errors
    /// Returns an error if the database cannot be reached or refuses the request.
    pub(crate) async fn alias_target(&self, alias: &str) -> Result<Option<String>, VectorError> {
        let answer = request(Operation::ReadAliases, alias, self.client.list_aliases()).await?;
        let found = answer.aliases.into_iter().find(|found| found.alias_name == alias);
        Ok(found.map(|found| found.collection_name))
    }

    /// Returns the owner that a collection names, if the collection exists and names one.
    ///
    /// # Errors
    /// Returns an error if the database cannot be reached or refuses the request.
    pub(crate) async fn owner_of(&self, collection: &str) -> Result<Option<Owner>, VectorError> {
        Ok(self.observe(collection).await?.and_then(|observed| observed.owner))
    }
}

fn observed(info: CollectionInfo) -> Observed {
    let CollectionConfig { params, hnsw_config, strict_mode_config, metadata, .. } =
        info.config.unwrap_or_default();
    let params = params.unwrap_or_default();
    let hnsw = hnsw_config.unwrap_or_default();
    let m = hnsw.m.unwrap_or_default();
    Observed {
        owner: owner::from_metadata(&metadata),
        dense: dense(&params),
        sparse_idf: sparse_idf(&params),
        hnsw: Hnsw { m, payload_m: hnsw.payload_m.unwrap_or(m) },
        has_tenant_index: info.payload_schema.get(TENANT_FIELD).is_some_and(is_tenant_index),
        strict_mode: strict_mode_config.as_ref().filter(|limits| limits.enabled()).map(strict_mode),
    }
}

fn dense(params: &CollectionParams) -> Option<Dense> {
    let Some(Config::ParamsMap(vectors)) = params.vectors_config.as_ref()?.config.as_ref() else {
        return None;
    };
    let vector = vectors.map.get(DENSE_VECTOR)?;
    Some(Dense { dimensions: vector.size, cosine: vector.distance() == Distance::Cosine })
}

fn sparse_idf(params: &CollectionParams) -> Option<bool> {
    let vector = params.sparse_vectors_config.as_ref()?.map.get(SPARSE_VECTOR)?;
    Some(vector.modifier() == Modifier::Idf)
}

fn is_tenant_index(schema: &PayloadSchemaInfo) -> bool {
    let params = schema.params.as_ref().and_then(|params| params.index_params.as_ref());
    matches!(params, Some(IndexParams::KeywordIndexParams(keyword)) if keyword.is_tenant())
}

fn strict_mode(limits: &StrictModeConfig) -> StrictMode {
    StrictMode {
        max_query_limit: limits.max_query_limit.unwrap_or_default(),
        max_upsert_points: limits.upsert_max_batchsize.unwrap_or_default(),
        max_points: limits.max_points_count.unwrap_or(UNLIMITED_POINTS),
    }
}
