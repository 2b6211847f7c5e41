//! Field managers, user ids, and limits that several crates enforce.

/// Field manager of the operator.
pub const OPERATOR_MANAGER: &str = "smb-copilot-operator";
/// Field manager of the part of a Tenant's status that concerns its vector storage. It is written by the operator.
pub const VECTOR_MANAGER: &str = "smb-copilot-operator-vectors";
/// Field manager of the api-server.
pub const API_SERVER_MANAGER: &str = "smb-copilot-api-server";
/// Field manager of the part of a Tenant's status that concerns its end: export, purge and deletion. It is written by the
/// api-server.
pub const TENANT_END_MANAGER: &str = "smb-copilot-api-server-tenant-end";
/// Field manager of the runner.
pub const RUNNER_MANAGER: &str = "smb-copilot-runner";

/// User id of the runner process.
pub const RUNNER_UID: u32 = 10_001;
/// User id of the step hosts, and so of the code of steps, in a pod whose tenant is unknown. Each tenant has its own, in
/// `status.runAsUser`.
pub const HOST_UID: u32 = 10_002;
/// Group id that owns the sockets shared by the runner and its step hosts.
pub const SOCKET_GID: u32 = 10_000;

/// Types of the Secrets that tenants may create and workflows may use. Kubernetes fills others by itself, with tokens of
/// service accounts for example.
pub const SECRET_TYPES: [&str; 4] =
    ["Opaque", "kubernetes.io/basic-auth", "kubernetes.io/tls", "kubernetes.io/dockerconfigjson"];

/// Maximum number of steps of a workflow.
pub const MAX_STEPS: usize = 64;
/// Maximum number of `onExit` steps of a workflow.
pub const MAX_EXIT_STEPS: usize = 16;
/// Maximum number of `needs` of a step.
pub const MAX_NEEDS: usize = 16;
/// Maximum number of items of a `forEach`.
pub const MAX_ITEMS: usize = 1_000;
/// Maximum size of an expression in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 4 * 1024;
/// Maximum size of inline Python code in bytes.
pub const MAX_PYTHON_BYTES: usize = 64 * 1024;
/// Maximum total size of all JSON Schemas of a workflow in bytes.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// Maximum size of a run's input as JSON in bytes.
pub const MAX_INPUT_BYTES: usize = 256 * 1024;
/// Maximum number of values in a run's input, lists and objects included: 13 bytes each in the largest input. The API server needs
/// 1 to 2 µs of a core for each at the creation of the run, and 2 to 3 µs at each write of its status; an input of 125,000 zeros
/// took 141 and 217 ms, a text of the same size 21 and 27 (20 requests of each, 2026-11-30).
pub const MAX_INPUT_VALUES: usize = 20_000;
/// Maximum size of the value of a workflow's `concurrency.key` as JSON in bytes: ten times an e-mail address or a UUID. The
/// operator holds one for each unfinished run.
pub const MAX_CONCURRENCY_KEY_BYTES: usize = 1024;
/// Maximum number of runs of a tenant in the cluster, if its plan specifies none: twice the queue of a small plan. The operator
/// holds 2 KiB of each. With kubectl, a run may have 1.5 MiB, so all of them may have 1.5 GiB in etcd.
pub const DEFAULT_STORED_RUNS: u32 = 1_000;
/// Maximum size of the inputs of all unfinished runs of a tenant in bytes, if its plan specifies none: those of 256 runs with
/// the largest input. etcd stores an input again with each write of the run's status.
pub const DEFAULT_STORED_INPUT_BYTES: u64 = 64 << 20;
/// Time from archiving a tenant to its purge, if it specifies none, in seconds: 30 days.
pub const DEFAULT_ARCHIVED_FOR_SECONDS: i64 = 30 * 24 * 60 * 60;
/// Maximum number of workflows of a tenant, if its plan specifies none: four times those of a small plan.
pub const DEFAULT_WORKFLOWS: u32 = 200;
/// Maximum number of Secrets in a namespace that the operator has created, of at most 1 MiB each. An administrator of a tenant could
/// fill etcd with them.
pub const MAX_SECRETS: u32 = 100;
/// Shortest interval between two runs of a schedule in seconds, if the plan specifies none: that of cron without seconds.
pub const DEFAULT_MIN_SCHEDULE_INTERVAL_SECONDS: u64 = 60;
/// Maximum memory of the spec of a workflow once it is decoded, in bytes: twice what the largest schema takes (64 KiB of
/// properties). What is parsed from a spec takes as much again.
pub const MAX_WORKFLOW_BYTES: usize = 4 << 20;
/// Maximum nesting depth of lists and objects in a value. Every JSON library can read this depth, including the objects
/// that surround the value; the API server stores up to 10,000 levels.
pub const MAX_VALUE_DEPTH: usize = 64;
/// Maximum size of one output that is stored in the run's status, in bytes.
pub const MAX_INLINE_OUTPUT_BYTES: usize = 16 * 1024;
/// Maximum total size of the outputs that are stored in a run's status, in bytes.
pub const MAX_INLINE_RUN_BYTES: usize = 256 * 1024;
/// Maximum size of a run as JSON in bytes, with its spec, status and managed fields, to which a runner extends it. The API server
/// refuses 1.5 MiB and more.
pub const MAX_RUN_BYTES: usize = 1024 * 1024;
/// Number of pods that a run may lose without progress before it fails.
pub const MAX_LOST_RUNNERS: u32 = 5;
/// Maximum size of one output in object storage, in bytes. The runner holds an output in memory.
pub const MAX_STORED_OUTPUT_BYTES: usize = 16 * 1024 * 1024;
/// Maximum number of consecutive attempts that may fail before the step's code has started.
pub const MAX_FAILED_STARTS: u32 = 10;
/// Maximum number of items of a `forEach` that run at the same time.
pub const MAX_PARALLEL: u32 = 100;
/// Maximum number of items of all steps of a run that are active at the same time. The operator holds some 160 bytes of each,
/// also while they wait for decisions and the run holds no slot.
pub const MAX_ACTIVE_ITEMS: usize = 256;
/// Maximum duration of a `wait` and of an approval's timeout, in seconds: 90 days.
pub const MAX_WAIT_SECONDS: u64 = 90 * 24 * 60 * 60;
/// Maximum nesting depth of sub-runs.
pub const MAX_SUB_RUN_DEPTH: u32 = 8;
/// Longest wait, in seconds, during which a run stays assigned to its runner. A run that waits longer is suspended.
pub const SUSPEND_THRESHOLD_SECONDS: i64 = 30;
/// Maximum duration of all `onExit` steps together, in seconds.
pub const EXIT_TIMEOUT_SECONDS: u64 = 600;

/// Maximum number of API requests of a tenant that one replica of the api-server processes at the same time.
pub const MAX_TENANT_REQUESTS: usize = 48;
/// Maximum number of API requests of a tenant that wait for the end of a run (`Prefer: wait`) at the same time.
pub const MAX_TENANT_WAITERS: usize = 16;
/// Maximum number of log streams of a tenant at the same time.
pub const MAX_TENANT_STREAMS: usize = 16;
/// Maximum size of the contents of all runs in one response of the API, as JSON text.
pub const MAX_RESPONSE_CONTENT_BYTES: usize = 2 * 1024 * 1024;
/// Maximum size of the request line and all headers of an API request: a token of 8 KiB and as much again.
pub const MAX_REQUEST_HEADER_BYTES: usize = 16 * 1024;
