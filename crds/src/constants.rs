//! Field managers, users, and the bounds that are said in more than one place.

/// The operator's field manager.
pub const OPERATOR_MANAGER: &str = "smb-copilot-operator";
/// The api-server's field manager.
pub const API_SERVER_MANAGER: &str = "smb-copilot-api-server";
/// The runner's field manager.
pub const RUNNER_MANAGER: &str = "smb-copilot-runner";

/// The user that the runner runs as.
pub const RUNNER_UID: u32 = 10_001;
/// The user that hosts, and so the code of steps, run as.
pub const HOST_UID: u32 = 10_002;
/// The group that shares the sockets between the runner and its hosts.
pub const SOCKET_GID: u32 = 10_000;

/// Steps of a workflow, at most.
pub const MAX_STEPS: usize = 64;
/// `onExit` steps of a workflow, at most.
pub const MAX_EXIT_STEPS: usize = 16;
/// `needs` of a step, at most.
pub const MAX_NEEDS: usize = 16;
/// Items of a `forEach`, at most.
pub const MAX_ITEMS: usize = 1_000;
/// Bytes of an expression, at most.
pub const MAX_EXPRESSION_BYTES: usize = 4 * 1024;
/// Bytes of inline Python, at most.
pub const MAX_PYTHON_BYTES: usize = 64 * 1024;
/// Bytes of all JSON Schemas of a workflow together, at most.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// Bytes of a run's input as JSON, at most.
pub const MAX_INPUT_BYTES: usize = 256 * 1024;
/// Lists and objects of a value within each other. Every JSON library reads as many, with an object around them; the
/// API server stores 10,000.
pub const MAX_VALUE_DEPTH: usize = 64;
/// Bytes of one output that stays in the run's status, at most.
pub const MAX_INLINE_OUTPUT_BYTES: usize = 16 * 1024;
/// Bytes of all outputs that stay in a run's status, at most.
pub const MAX_INLINE_RUN_BYTES: usize = 256 * 1024;
/// Times that a run may lose its pod without progress.
pub const MAX_LOST_RUNNERS: u32 = 5;
/// Bytes of one output that is kept in object storage, at most. A runner holds it in its memory.
pub const MAX_STORED_OUTPUT_BYTES: usize = 16 * 1024 * 1024;
/// How often in a row an attempt may fail before its own code has begun.
pub const MAX_FAILED_STARTS: u32 = 10;
/// Items of a `forEach` at one time, at most.
pub const MAX_PARALLEL: u32 = 100;
/// Seconds of a `wait`, or of an approval's timeout, at most: 90 days.
pub const MAX_WAIT_SECONDS: u64 = 90 * 24 * 60 * 60;
/// How deep sub-runs may be.
pub const MAX_SUB_RUN_DEPTH: u32 = 8;
/// Seconds that a run holds its runner while nothing but time has to pass; longer waits give it back.
pub const SUSPEND_THRESHOLD_SECONDS: i64 = 30;
/// Seconds that `onExit` steps may take together.
pub const EXIT_TIMEOUT_SECONDS: u64 = 600;
