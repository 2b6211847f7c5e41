//! Lines of steps.

use protocol::internal::{LogBatch, logs_path};

use crate::api::{ApiError, ApiServer};

impl ApiServer {
    /// Hands lines over, once: whether to try again is for the caller to say. The same batch twice is kept once.
    pub(crate) async fn send_logs(&self, run_uid: &str, batch: &LogBatch) -> Result<(), ApiError> {
        self.send(self.client.post(self.url(&logs_path(run_uid))).json(batch)).await.map(drop)
    }
}
