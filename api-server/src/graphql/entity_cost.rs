//! Cost of documents that look for entities of a federated graph. The library counts what is selected of the entities once, however
//! many are requested.

use std::sync::Arc;

use async_graphql::{
    ServerError, ValidationResult,
    async_trait::async_trait,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation},
};

use super::{MAX_COMPLEXITY, document_work::Representations};

/// Extension of the schema that multiplies the cost of a document by the number of entities that it requests.
pub(super) struct EntityCost;

impl ExtensionFactory for EntityCost {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Extension for EntityCost {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let result = next.run(ctx).await?;
        let representations = ctx.data_opt::<Representations>().map_or(1, |Representations(number)| *number);
        match result.complexity.saturating_mul(representations.max(1)) {
            0..=MAX_COMPLEXITY => Ok(result),
            _ => Err(vec![ServerError::new("Query is too complex.", None)]),
        }
    }
}
