//! Upload of log lines.

use protocol::internal::{LogBatch, logs_path};

use crate::api::{client::ApiServer, errors::ApiError};

impl ApiServer {
    /// Sends a batch of log lines once, without retries. The api-server stores a repeated batch only once.
    ///
    /// # Errors
    /// Returns an error if the api-server cannot be reached or refuses the batch.
    pub(crate) async fn send_logs(&self, run_uid: &str, batch: &LogBatch) -> Result<(), ApiError> {
        self.send(self.client.post(self.url(&logs_path(run_uid))).json(batch)).await.map(drop)
    }
}
